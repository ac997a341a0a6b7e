-- Contract: V0012_sealed_ledger.sql. $1 batches of one seal at most, $2 how long to wait for writers, ms.
SELECT busy, waiting, rows, more FROM seal_ledger($1, $2)
