-- Contract: V0013_ledger_checks.sql. $1 the seal to go on after, $2 how many lines are enough.
SELECT number, rows, encode(digest, 'hex'), fault, batch, place, detail FROM check_seals($1, $2)
