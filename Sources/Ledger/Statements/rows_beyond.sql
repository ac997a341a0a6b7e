-- Contract: the ledger rows that a view may lack: of the positions $1 those beyond the versions $2
-- (parallel). At most 10,000; the oldest first, so that what is left comes with the next look.
SELECT g.position, g.version,
    g.on_hand_delta - g.safety_delta - g.damaged_delta - g.quality_control_delta
        - g.held_delta - g.allocated_delta,
    g.free_after, g.channel, g.channel_safety
FROM unnest($1::int8[], $2::int8[]) AS u(position, version)
JOIN position_ledger g ON g.position = u.position AND g.version > u.version AND g.step = 0
ORDER BY g.version
LIMIT 10000
