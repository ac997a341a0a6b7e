-- One row per ledger row written; one row of nulls when there is none.
SELECT c.epoch, c.outcome, c.sequence, c.line, c.sku, c.node, c.requested, c.available, c.what,
    c.state, c.other, a.id, a.version, a.view_delta, a.free_after
FROM change_shipment($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) c
LEFT JOIN LATERAL stock_answer(c.positions, c.versions, c.steps) a ON c.outcome = 1
