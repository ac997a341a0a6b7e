-- One row of the columns that every command on orders returns; it writes no rows of the ledger.
SELECT c.epoch, c.outcome, c.sequence, c.line, c.sku, c.node, c.requested, c.available, c.what,
    c.state, c.other, NULL::int8, NULL::int8, NULL::int8, NULL::int8
FROM withdraw_shipments($1, $2, $3, $4, $5, $6, $7, $8, $9) c
