-- Contract: V0013_ledger_checks.sql. $1 the reservation to go on after, or null; $2 how many to check.
SELECT key, batch, rows, detail FROM check_reservations($1, $2)
