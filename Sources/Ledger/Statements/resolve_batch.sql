-- Contract: V0003_resolve.sql.
SELECT epoch, outcome, state, at_position, at_units,
    fresh_position, fresh_version, fresh_delta, fresh_free
FROM resolve_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
