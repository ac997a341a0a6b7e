-- Contract: the check of positions knows what a repair wrote back.

-- Checks the p_limit positions after p_after: one row each, with the lines of its ledger. faults run
-- parallel to places and details: 6 a version or step is missing, 7 free does not follow, 8 a balance
-- is not the sum of the ledger, 10 free does not follow, and was written back since (no fault any
-- more). At most one of 7 and one of 10, the oldest.
-- A row takes back what was wrong before it when it is a write-back (kind 9, reason DRIFT, no change in
-- any bucket) and its free units are the sum of all rows up to it: no row that was written by a command
-- after an edit can be that, because its free units are those of the edited balances.
CREATE OR REPLACE FUNCTION check_positions(p_after int8, p_limit int4)
RETURNS TABLE (
    id int8, rows int8, faults int2[], places text[], details text[]
) LANGUAGE sql STABLE AS $$
    SELECT p.id, f.n, w.faults, w.places, w.details
    FROM (SELECT * FROM positions q WHERE q.id > p_after ORDER BY q.id LIMIT p_limit) p
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, coalesce(max(g.version), 0) AS version,
            coalesce(max(g.step) FILTER (WHERE g.version = p.version), 0) AS step,
            coalesce(sum(g.on_hand_delta), 0) AS on_hand, coalesce(sum(g.held_delta), 0) AS held,
            coalesce(sum(g.allocated_delta), 0) AS allocated,
            coalesce(sum(g.safety_delta), 0) AS safety,
            coalesce(sum(g.damaged_delta), 0) AS damaged,
            coalesce(sum(g.quality_control_delta), 0) AS quality_control,
            coalesce(sum(g.in_transit_delta), 0) AS in_transit,
            (array_agg(ARRAY[g.version, g.step] ORDER BY g.version, g.step) FILTER (WHERE NOT (
                g.version = coalesce(g.version_before, 0) + 1 AND g.step = 0
                OR g.version = coalesce(g.version_before, 0)
                    AND g.step = coalesce(g.step_before, 0) + 1)))[1:1] AS gap,
            (array_agg(ARRAY[g.version, g.step, g.free_after, g.follows]
                ORDER BY g.version, g.step) FILTER (WHERE g.free_after <> g.follows
                    AND g.is_repaired))[1:1] AS repaired,
            count(*) FILTER (WHERE g.free_after <> g.follows AND g.is_repaired) AS repairs,
            (array_agg(ARRAY[g.version, g.step, g.free_after, g.follows]
                ORDER BY g.version, g.step) FILTER (WHERE g.free_after <> g.follows
                    AND NOT g.is_repaired))[1:1] AS free
        FROM (
            SELECT b.*, coalesce(bool_or(b.is_write_back) OVER (
                ORDER BY b.version DESC, b.step DESC), false) AS is_repaired
            FROM (
                SELECT l.*, lag(l.version) OVER w AS version_before,
                    lag(l.step) OVER w AS step_before,
                    coalesce(lag(l.free_after) OVER w, 0) + d.delta AS follows,
                    l.kind = 9 AND l.reason = 'DRIFT' AND (l.on_hand_delta, l.held_delta,
                        l.allocated_delta, l.safety_delta, l.damaged_delta,
                        l.quality_control_delta, l.in_transit_delta) = (0, 0, 0, 0, 0, 0, 0)
                        AND l.free_after = sum(d.delta) OVER w AS is_write_back
                FROM position_ledger l CROSS JOIN LATERAL (
                    SELECT l.on_hand_delta - l.held_delta - l.allocated_delta - l.safety_delta
                        - l.damaged_delta - l.quality_control_delta AS delta
                ) d
                WHERE l.position = p.id
                WINDOW w AS (ORDER BY l.version, l.step)
            ) b
        ) g
    ) f
    CROSS JOIN LATERAL (
        SELECT array_agg(x.fault ORDER BY x.fault) AS faults,
            array_agg(x.place ORDER BY x.fault) AS places,
            array_agg(x.detail ORDER BY x.fault) AS details
        FROM (
            SELECT 6::int2 AS fault, format('position_ledger %s@%s version %s step %s',
                p.sku, p.node, f.gap[1][1], f.gap[1][2]) AS place,
                'the row before it is missing' AS detail
            WHERE f.gap IS NOT NULL
            UNION ALL
            SELECT 6::int2, format('positions %s@%s', p.sku, p.node),
                format('is at version %s step %s, its ledger ends at version %s step %s',
                    p.version, p.step, f.version, f.step)
            WHERE (p.version, p.step) <> (f.version, f.step)
            UNION ALL
            SELECT 7::int2, format('position_ledger %s@%s version %s step %s',
                p.sku, p.node, f.free[1][1], f.free[1][2]),
                format('says that %s are free, the rows up to it make %s', f.free[1][3], f.free[1][4])
            WHERE f.free IS NOT NULL
            UNION ALL
            SELECT 10::int2, format('position_ledger %s@%s version %s step %s',
                p.sku, p.node, f.repaired[1][1], f.repaired[1][2]),
                format('says that %s are free, the rows up to it make %s; %s later written back',
                    f.repaired[1][3], f.repaired[1][4], CASE f.repairs WHEN 1 THEN 'it was'
                        ELSE format('%s rows like it were', f.repairs) END)
            WHERE f.repaired IS NOT NULL
            UNION ALL
            SELECT 8::int2, format('positions %s@%s', p.sku, p.node),
                format('%s is %s, its ledger makes %s', b.name, b.has, b.folds)
            FROM (VALUES
                ('on_hand', p.on_hand, f.on_hand), ('held', p.held, f.held),
                ('allocated', p.allocated, f.allocated), ('safety', p.safety, f.safety),
                ('damaged', p.damaged, f.damaged),
                ('quality_control', p.quality_control, f.quality_control),
                ('in_transit', p.in_transit, f.in_transit)
            ) AS b(name, has, folds) WHERE b.has <> b.folds
        ) x
    ) w
    ORDER BY p.id
$$;
