-- Contract: what the view of the positions $1 must show as free at their versions $2, when the versions
-- $4 of the positions $3 are in it besides (PROTOCOL: f = free_after(w) + the deltas of x).
SELECT v.position, (coalesce(l.free_after, 0) + coalesce((
    SELECT sum(b.on_hand_delta - b.held_delta - b.allocated_delta - b.safety_delta
        - b.damaged_delta - b.quality_control_delta)
    FROM unnest($3::int8[], $4::int8[]) AS x (position, version)
    JOIN position_ledger b ON b.position = x.position AND b.version = x.version AND b.step = 0
    WHERE x.position = v.position), 0))::int8 AS free
FROM unnest($1::int8[], $2::int8[]) AS v (position, version)
LEFT JOIN position_ledger l ON l.position = v.position AND l.version = v.version AND l.step = 0
