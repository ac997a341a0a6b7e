-- One row per ledger row written; one row of nulls when there is none.
SELECT c.epoch, c.outcome, c.what, c.moved, a.id, a.version, a.view_delta, a.free_after
FROM swap_reroute($1, $2, $3, $4, $5, $6) c
LEFT JOIN LATERAL stock_answer(c.positions, c.versions, c.steps) a ON c.outcome = 1
