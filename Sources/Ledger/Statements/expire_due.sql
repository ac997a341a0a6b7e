-- Contract: V0003_resolve.sql.
SELECT busy, due, lag_ms, epoch, fresh_position, fresh_version, fresh_delta, fresh_free
FROM expire_due($1, $2)
