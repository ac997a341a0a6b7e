-- Contract: V0013_ledger_checks.sql. $1 the position to go on after, $2 how many to check.
SELECT id, rows, faults, places, details FROM check_positions($1, $2)
