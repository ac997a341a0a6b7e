-- Contract: V0008_cycle_counts.sql. One row; the ledger row that was written, or nulls.
SELECT c.epoch, c.outcome, c.what, c.requested, c.available,
    a.id, a.version, a.view_delta, a.free_after
FROM decide_count($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) c
LEFT JOIN LATERAL stock_answer(c.positions, c.versions, c.steps) a ON c.outcome = 1
