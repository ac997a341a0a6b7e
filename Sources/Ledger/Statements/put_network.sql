-- Contract: V0015_network.sql. One row per position touched; one row of nulls when there is none.
SELECT c.epoch, c.outcome, c.version, c.changes, a.id, a.version, a.view_delta, a.free_after
FROM put_network($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) c
LEFT JOIN LATERAL stock_answer(c.positions, c.versions, c.steps) a ON c.outcome = 1
