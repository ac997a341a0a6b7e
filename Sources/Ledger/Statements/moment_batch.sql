-- Contract: V0013_ledger_checks.sql. $1 the moment, $2 how long to wait for writers, ms.
SELECT outcome, batch FROM moment_batch($1, $2)
