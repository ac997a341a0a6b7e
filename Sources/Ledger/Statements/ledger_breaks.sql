-- Contract: rows of position $1 whose free units do not follow from the row before them, oldest first,
-- among its latest 100,000 rows: where a balance was changed past the ledger, and where it was
-- written back. units is what is free beyond what should be.
SELECT version, step, batch, at, units
FROM (
    SELECT version, step, batch, at,
        free_after - delta - coalesce(
            lag(free_after) OVER (ORDER BY version, step),
            CASE WHEN count(*) OVER () < 100000 THEN 0 END
        ) AS units
    FROM (
        SELECT version, step, batch, at, free_after,
            on_hand_delta - safety_delta - damaged_delta - quality_control_delta - held_delta
                - allocated_delta AS delta
        FROM position_ledger WHERE position = $1
        ORDER BY version DESC, step DESC LIMIT 100000
    ) latest
) b
WHERE units <> 0
ORDER BY version, step
