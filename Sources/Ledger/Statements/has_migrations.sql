-- Whether the table of what was applied is there.
SELECT to_regclass('schema_migrations') IS NOT NULL
