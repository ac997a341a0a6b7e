-- The $4 positions after ($2, $3), by SKU and node, folded from the rows of all batches up to $1.
-- version is null for a position that was not there yet.
SELECT p.id, p.sku, p.node, f.version,
    ARRAY[f.on_hand, f.held, f.allocated, f.safety, f.damaged, f.quality_control, f.in_transit],
    s.channels, s.quantities
FROM (
    SELECT id, sku, node FROM positions WHERE (sku, node) > ($2, $3) ORDER BY sku, node LIMIT $4
) p
CROSS JOIN LATERAL (
    SELECT max(g.version) AS version, sum(g.on_hand_delta)::int8 AS on_hand,
        sum(g.held_delta)::int8 AS held, sum(g.allocated_delta)::int8 AS allocated,
        sum(g.safety_delta)::int8 AS safety, sum(g.damaged_delta)::int8 AS damaged,
        sum(g.quality_control_delta)::int8 AS quality_control,
        sum(g.in_transit_delta)::int8 AS in_transit
    FROM position_ledger g WHERE g.position = p.id AND g.batch <= $1
) f
LEFT JOIN LATERAL (
    SELECT array_agg(l.channel ORDER BY l.channel) AS channels,
        array_agg(l.channel_safety ORDER BY l.channel) AS quantities
    FROM (
        SELECT DISTINCT ON (w.channel) w.channel, w.channel_safety FROM position_ledger w
        WHERE w.position = p.id AND w.channel IS NOT NULL AND w.batch <= $1
        ORDER BY w.channel, w.version DESC
    ) l WHERE l.channel_safety > 0
) s ON true
ORDER BY p.sku, p.node
