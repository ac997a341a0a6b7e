-- Contract: expire_due as V0003_resolve.sql states it, shared by several servers: holds belong to one of
-- four parts by their first position, and each call takes a part that nobody else has in hand and
-- that has holds that are due. So sweeps at the same time seldom wait for each other's positions.
-- Out: busy: some part was in the hands of others, so that nothing is known about it.
CREATE OR REPLACE FUNCTION expire_due(
    p_shard int2, p_limit int4,
    OUT busy bool, OUT due int4, OUT lag_ms int8, OUT epoch int8,
    OUT fresh_position int8[], OUT fresh_version int8[], OUT fresh_delta int8[],
    OUT fresh_free int8[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_keys uuid[];
    -- A clock that is asked for each row is no bound of an index: every hold would be looked at.
    v_now timestamptz := clock_timestamp();
    v_first int4 := floor(random() * 4)::int4;
    v_part int4;
    v_nothing text[];
BEGIN
    busy := false;
    due := 0;
    FOR i IN 0..3 LOOP
        v_part := (v_first + i) % 4;
        IF NOT pg_try_advisory_xact_lock(7302, p_shard * 4 + v_part) THEN
            busy := true;
            CONTINUE;
        END IF;
        SELECT array_agg(key), (extract(epoch FROM v_now - min(expires_at)) * 1000)::int8
            INTO v_keys, lag_ms
            FROM (
                SELECT key, expires_at, row_number() OVER upto AS n,
                    sum(cardinality(positions)) OVER upto AS lines
                FROM (
                    SELECT key, expires_at, positions FROM reservations
                    WHERE state IN (1, 2) AND expires_at <= v_now AND shard = p_shard
                        AND positions[1] % 4 = v_part
                    ORDER BY expires_at LIMIT p_limit
                ) late
                WINDOW upto AS (ORDER BY expires_at, key ROWS UNBOUNDED PRECEDING)
            ) counted
            WHERE n = 1 OR lines <= 2000;
        EXIT WHEN v_keys IS NOT NULL;
    END LOOP;
    IF v_keys IS NULL THEN
        lag_ms := 0;
        RETURN;
    END IF;
    due := cardinality(v_keys);
    v_nothing := array_fill(''::text, ARRAY[due]);
    SELECT b.epoch, b.fresh_position, b.fresh_version, b.fresh_delta, b.fresh_free
        INTO epoch, fresh_position, fresh_version, fresh_delta, fresh_free
        FROM resolve_batch(
            p_shard, 3::int2, v_keys, array_fill(NULL::uuid, ARRAY[due]),
            array_fill(NULL::uuid, ARRAY[due]), array_fill(0, ARRAY[due]),
            array_fill(false, ARRAY[due]), v_nothing, array_fill(NULL::uuid, ARRAY[due]),
            array_fill('system:expiry'::text, ARRAY[due]), v_nothing, v_nothing, v_nothing,
            '{}', '{}', '{}'
        ) b;
END $$;
