-- Contract: the repair of what Postgres withholds from one channel, where somebody changed it past the
-- ledger.
--
-- In:  p_position, p_channel; p_stored, p_units: what Postgres withheld and what the ledger said when
--      they were read; p_reference: the same in words. Then who asks, and the reason for the ledger.
-- Out: outcome: 1 done; 2 either is another figure by now, or both are the same: nothing was done.
--      epoch at the commit; version, free_after: the row written (1).
-- The row has kind 12 (safety stock) and moves nothing: it says the ledger's figure once more, and makes
-- a version, so that the view hears of it.
CREATE FUNCTION write_back_channel(
    p_position int8, p_channel text, p_stored int8, p_units int8, p_reference text,
    p_principal text, p_request_id text, p_trace_id text, p_reason text,
    OUT outcome int2, OUT epoch int8, OUT version int8, OUT free_after int8
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_stored int8;
    v_units int8;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    SELECT p.free INTO free_after FROM positions p WHERE p.id = p_position FOR NO KEY UPDATE;
    SELECT coalesce(max(c.quantity), 0) INTO v_stored FROM channel_safety c
        WHERE c.position = p_position AND c.channel = p_channel COLLATE "C";
    SELECT coalesce((
        SELECT l.channel_safety FROM position_ledger l
        WHERE l.position = p_position AND l.channel = p_channel
        ORDER BY l.version DESC LIMIT 1), 0) INTO v_units;
    outcome := 2;
    IF free_after IS NULL OR v_stored <> p_stored OR v_units <> p_units OR v_stored = v_units THEN
        RETURN;
    END IF;
    SELECT w.versions[1] INTO version FROM move_units(
        nextval('batches'), clock_timestamp(), 12::int2, ARRAY[p_position], '{}', '{}', '{}', '{}',
        '{}', '{}', '{}', p_channel, v_units, p_principal, p_request_id, p_trace_id, p_reason,
        p_reference) w;
    IF v_units = 0 THEN
        DELETE FROM channel_safety
            WHERE position = p_position AND channel = p_channel COLLATE "C";
    ELSE
        INSERT INTO channel_safety AS c (position, channel, quantity, version)
            VALUES (p_position, p_channel, v_units, version)
            ON CONFLICT (position, channel)
            DO UPDATE SET quantity = excluded.quantity, version = excluded.version;
    END IF;
    outcome := 1;
END $$;
