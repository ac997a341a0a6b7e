-- Contract: notes that migration $1 with checksum $2 was applied; in the migration's transaction.
INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)
