-- One row per position touched; one row of nulls when refused.
SELECT c.epoch, c.outcome, c.line, c.requested, c.available, c.what,
    a.id, a.sku, a.node, a.version, a.after, a.view_delta, a.free_after, a.channel,
    a.channel_safety, a.channels, a.quantities
FROM receive_transfer($1, $2, $3, $4, $5, $6) c
LEFT JOIN LATERAL stock_answer(c.positions, c.versions, c.steps) a ON true
ORDER BY a.n
