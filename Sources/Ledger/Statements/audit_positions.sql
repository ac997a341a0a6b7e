-- Contract: positions beside their ledgers, each in one snapshot, for the audit of drift.
-- In, parallel: $1 ids; $2 versions of their views (-1: none); $3 versions beyond those that the views
--   have, as '5,7'; $4 and $5 version and step of the row after which the ledger is summed.
-- Out, one row each, in order: n, name, version, step, balances by bucket; free after the row that
--   made the view's version (null: no such row); of the versions beyond it how many rows there are
--   and what they add; for how long, in ms, the first version that the view lacks has been committed
--   (null: none); free after the last row (null: none). Then the sum of at most 5,000 rows: how many
--   they are, how many of them made a version, version and step of the last, sums by bucket.
-- All but the positions themselves never changes once it is there.
SELECT u.n, p.sku, p.node, p.version, p.step,
    ARRAY[p.on_hand, p.held, p.allocated, p.safety, p.damaged, p.quality_control, p.in_transit],
    v.free_after, b.rows, b.delta,
    (extract(epoch FROM clock_timestamp() - l.at) * 1000)::int8,
    h.free_after,
    f.rows, f.versions, f.last[1], f.last[2]::int4, f.sums
FROM unnest($1::int8[], $2::int8[], $3::text[], $4::int8[], $5::int4[])
    WITH ORDINALITY AS u(id, viewed, beyond, after_version, after_step, n)
JOIN positions p ON p.id = u.id
LEFT JOIN position_ledger v ON v.position = u.id AND v.version = u.viewed AND v.step = 0
LEFT JOIN position_ledger l ON u.viewed >= 0 AND l.position = u.id
    AND l.version = u.viewed + 1 AND l.step = 0
LEFT JOIN position_ledger h ON h.position = u.id AND h.version = p.version AND h.step = p.step
CROSS JOIN LATERAL (
    SELECT count(*) AS rows, coalesce(sum(x.on_hand_delta - x.safety_delta - x.damaged_delta
        - x.quality_control_delta - x.held_delta - x.allocated_delta), 0)::int8 AS delta
    FROM unnest(string_to_array(u.beyond, ',')::int8[]) AS w(version)
    JOIN position_ledger x ON x.position = u.id AND x.version = w.version AND x.step = 0
) b
CROSS JOIN LATERAL (
    SELECT count(*) AS rows, count(*) FILTER (WHERE r.step = 0) AS versions,
        max(ARRAY[r.version, r.step]) AS last,
        ARRAY[
            coalesce(sum(r.on_hand_delta), 0), coalesce(sum(r.held_delta), 0),
            coalesce(sum(r.allocated_delta), 0), coalesce(sum(r.safety_delta), 0),
            coalesce(sum(r.damaged_delta), 0), coalesce(sum(r.quality_control_delta), 0),
            coalesce(sum(r.in_transit_delta), 0)
        ]::int8[] AS sums
    FROM (
        SELECT * FROM position_ledger g
        WHERE g.position = u.id AND (g.version, g.step) > (u.after_version, u.after_step)
        ORDER BY g.version, g.step LIMIT 5000
    ) r
) f
ORDER BY u.n
