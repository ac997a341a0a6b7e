-- Resolves or retries an exception, in one row.
SELECT c.outcome, c.sequence, c.state FROM change_exception($1, $2, $3, $4, $5, $6, $7, $8) c
