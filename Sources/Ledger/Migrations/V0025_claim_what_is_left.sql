-- Contract: claim_reroutes as V0021_reroutes.sql states it. Each statement of the function sees what was
-- committed before it: units that are cancelled between the one that closes what needs no place and the
-- one that hands out were handed out as a job without lines, which is none. Such a job is left out; it is
-- closed when its lease is over.
CREATE OR REPLACE FUNCTION claim_reroutes(p_limit int4, p_lease_ms int4, p_attempts_max int4)
RETURNS TABLE (
    id uuid, order_key uuid, shipment uuid, holds int4, channel text, customer text,
    reservation uuid, numbers int4[], skus text[], units int8[], spent bool[],
    excluded_skus text[], excluded_nodes text[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := clock_timestamp();
    v_ids uuid[];
BEGIN
    WITH due AS (
        SELECT q.id FROM reroutes q WHERE q.state = 1 AND q.due_at <= v_now
        ORDER BY q.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE reroutes q SET due_at = v_now + p_lease_ms * interval '1 millisecond'
            FROM due d WHERE q.id = d.id RETURNING q.id
    )
    SELECT array_agg(l.id) INTO v_ids FROM leased l;
    IF v_ids IS NULL THEN
        RETURN;
    END IF;
    UPDATE reroutes q SET state = 4, closed_at = v_now
        WHERE q.id = ANY (v_ids) AND NOT EXISTS (SELECT FROM pending_units(q.id));
    RETURN QUERY
    SELECT q.id, q.order_key, q.shipment, q.holds, o.channel::text, o.customer, o.reservation,
        u.numbers, u.skus, u.units, u.spent, x.skus, x.nodes
    FROM reroutes q JOIN orders o ON o.key = q.order_key
    CROSS JOIN LATERAL (
        SELECT array_agg(n.number ORDER BY n.number) AS numbers,
            array_agg(n.sku ORDER BY n.number) AS skus,
            array_agg(n.leaving + n.missing + n.backordered ORDER BY n.number) AS units,
            array_agg(q.cause <> 4 AND l.reroutes >= p_attempts_max ORDER BY n.number) AS spent
        FROM pending_units(q.id) n
        JOIN order_lines l ON l.order_key = q.order_key AND l.number = n.number
    ) u
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(e.sku), '{}') AS skus, coalesce(array_agg(e.node), '{}') AS nodes
        FROM (
            SELECT e.sku::text, e.node::text FROM route_exclusions e
                WHERE e.order_key = q.order_key AND e.sku = ANY (u.skus)
            UNION
            SELECT n, s.node FROM unnest(u.skus) AS n JOIN shipments s ON s.id = q.shipment
        ) e
    ) x
    WHERE q.id = ANY (v_ids) AND q.state = 1 AND u.numbers IS NOT NULL;
END $$;
