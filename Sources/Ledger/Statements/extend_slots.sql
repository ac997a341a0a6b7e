-- Contract: V0015_network.sql. One row per position touched; one row of nulls when there is none.
SELECT c.epoch, c.busy, c.version, c.changed, a.id, a.version, a.view_delta, a.free_after
FROM extend_slots($1, $2, $3) c
LEFT JOIN LATERAL stock_answer(c.positions, c.versions, c.steps) a ON true
