-- Contract: what was applied, in order: name and checksum.
SELECT name, checksum FROM schema_migrations ORDER BY name
