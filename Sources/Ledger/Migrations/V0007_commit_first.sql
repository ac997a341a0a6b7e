-- Contract: commit_batch as V0002_reserve.sql states it. Hardly any key that comes to be committed is
-- known, and the primary key finds those that are: so the batch is inserted first, and known keys are
-- looked up only when fewer rows went in than should, or when a request would be refused. That look-up
-- was a fifth of what a reservation cost Postgres. Requests of one line each need no join of lines.
CREATE OR REPLACE FUNCTION commit_batch(
    p_shard int2, p_epoch int8, p_positions int8[],
    p_keys uuid[], p_fingerprints uuid[], p_ttl_ms int4[], p_owners text[], p_channels text[],
    p_principals text[], p_request_ids text[], p_trace_ids text[],
    p_line_request int4[], p_line_index int4[], p_line_quantity int8[],
    OUT epoch int8, OUT outcome int2[], OUT short_position int8[], OUT short_free int8[],
    OUT created_at timestamptz[], OUT expires_at timestamptz[],
    OUT fresh_position int8[], OUT fresh_version int8[], OUT fresh_delta int8[],
    OUT fresh_free int8[],
    OUT replay_position int8[], OUT replay_version int8[], OUT replay_delta int8[],
    OUT replay_free int8[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_free int8[];
    v_version int8[];
    v_count int4;
    v_now timestamptz;
    v_batch int8;
    v_requests int4 := cardinality(p_keys);
    v_lines int4 := cardinality(p_line_request);
    v_line int4;
    v_start int4;
    v_fits bool;
    v_accepted int4 := 0;
    v_simple bool;
    v_channels bool;
    v_known record;
    v_withheld int8;
    v_room int8[];
    v_checked bool := false;
    v_one_line bool := cardinality(p_line_request) = cardinality(p_keys);
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7301, p_shard);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = p_shard;
    IF epoch <> p_epoch THEN
        RETURN;
    END IF;

    PERFORM 1 FROM positions WHERE id = ANY (p_positions) ORDER BY id FOR NO KEY UPDATE;
    SELECT array_agg(free ORDER BY id), array_agg(version ORDER BY id), count(*)
        INTO v_free, v_version, v_count FROM positions WHERE id = ANY (p_positions);
    IF v_count <> cardinality(p_positions) THEN
        RAISE EXCEPTION 'a position of the batch does not exist' USING ERRCODE = 'HF001';
    END IF;

    v_now := clock_timestamp();
    v_room := v_free;
    SELECT EXISTS (SELECT 1 FROM channel_safety WHERE position = ANY (p_positions))
        INTO v_channels;
    -- When everything fits, however the channels are, nobody has to be looked at singly.
    SELECT NOT v_channels AND NOT EXISTS (
        SELECT 1 FROM (
            SELECT x, sum(q) AS total FROM unnest(p_line_index, p_line_quantity) AS l(x, q)
            GROUP BY x
        ) d WHERE d.total > v_free[d.x]
    ) INTO v_simple;

    <<attempt>>
    LOOP
        outcome := array_fill(1::int2, ARRAY[v_requests]);
        short_position := array_fill(0::int8, ARRAY[v_requests]);
        short_free := short_position;
        created_at := array_fill(v_now, ARRAY[v_requests]);
        SELECT array_agg(v_now + t * interval '1 millisecond' ORDER BY i) INTO expires_at
            FROM unnest(p_ttl_ms) WITH ORDINALITY AS u(t, i);

        -- Known keys, in a snapshot newer than the locks.
        IF v_checked THEN
            FOR v_known IN
                SELECT array_position(p_keys, r.key) AS i, r.fingerprint, r.created_at,
                    r.first_expires_at
                FROM reservations r WHERE r.key = ANY (p_keys)
            LOOP
                IF v_known.fingerprint = p_fingerprints[v_known.i] THEN
                    outcome[v_known.i] := 2;
                    created_at[v_known.i] := v_known.created_at;
                    expires_at[v_known.i] := v_known.first_expires_at;
                ELSE
                    outcome[v_known.i] := 3;
                END IF;
            END LOOP;
        END IF;

        IF NOT v_simple THEN
            v_free := v_room;
            v_line := 1;
            FOR i IN 1..v_requests LOOP
                v_start := v_line;
                v_fits := outcome[i] = 1;
                WHILE v_line <= v_lines AND p_line_request[v_line] = i LOOP
                    IF v_fits THEN
                        v_withheld := 0;
                        IF v_channels THEN
                            SELECT coalesce(max(quantity), 0) INTO v_withheld FROM channel_safety
                                WHERE position = p_positions[p_line_index[v_line]]
                                AND channel = p_channels[i];
                        END IF;
                        IF v_free[p_line_index[v_line]] - v_withheld < p_line_quantity[v_line] THEN
                            v_fits := false;
                            outcome[i] := 4;
                            short_position[i] := p_positions[p_line_index[v_line]];
                            short_free[i] := v_free[p_line_index[v_line]] - v_withheld;
                        END IF;
                    END IF;
                    v_line := v_line + 1;
                END LOOP;
                IF v_fits THEN
                    FOR l IN v_start..v_line - 1 LOOP
                        v_free[p_line_index[l]] := v_free[p_line_index[l]] - p_line_quantity[l];
                    END LOOP;
                END IF;
            END LOOP;
            -- One that is refused may be known, and its owner is never told no.
            IF NOT v_checked AND 4 = ANY (outcome) THEN
                v_checked := true;
                CONTINUE attempt;
            END IF;
        END IF;
        EXIT attempt WHEN NOT 1 = ANY (outcome);

        v_batch := coalesce(v_batch, nextval('batches'));
        -- Keys in order, so that two transactions never wait for each other's keys in a ring.
        IF v_one_line THEN
            INSERT INTO reservations (
                key, fingerprint, state, shard, batch, created_at, first_expires_at, expires_at,
                positions, quantities, held, confirmed, versions,
                owner, channel, principal, request_id, trace_id)
            SELECT r.key, r.fingerprint, 1, p_shard, v_batch, r.created_at, r.expires_at,
                r.expires_at, ARRAY[p_positions[r.x]], ARRAY[r.q], ARRAY[r.q], '{0}',
                ARRAY[v_version[r.x] + 1],
                r.owner, r.channel, r.principal, r.request_id, r.trace_id
            FROM unnest(
                p_keys, p_fingerprints, outcome, created_at, expires_at, p_owners, p_channels,
                p_principals, p_request_ids, p_trace_ids, p_line_index, p_line_quantity
            ) AS r(
                key, fingerprint, outcome, created_at, expires_at, owner, channel, principal,
                request_id, trace_id, x, q)
            WHERE r.outcome = 1
            ORDER BY r.key
            ON CONFLICT (key) DO NOTHING;
        ELSE
            INSERT INTO reservations (
                key, fingerprint, state, shard, batch, created_at, first_expires_at, expires_at,
                positions, quantities, held, confirmed, versions,
                owner, channel, principal, request_id, trace_id)
            SELECT r.key, r.fingerprint, 1, p_shard, v_batch, r.created_at, r.expires_at,
                r.expires_at, l.positions, l.quantities, l.quantities, l.nothing, l.versions,
                r.owner, r.channel, r.principal, r.request_id, r.trace_id
            FROM unnest(
                p_keys, p_fingerprints, outcome, created_at, expires_at, p_owners, p_channels,
                p_principals, p_request_ids, p_trace_ids
            ) WITH ORDINALITY AS r(
                key, fingerprint, outcome, created_at, expires_at, owner, channel, principal,
                request_id, trace_id, i)
            JOIN (
                SELECT request, array_agg(p_positions[x] ORDER BY n) AS positions,
                    array_agg(q ORDER BY n) AS quantities, array_agg(0::int8) AS nothing,
                    array_agg(v_version[x] + 1 ORDER BY n) AS versions
                FROM unnest(p_line_request, p_line_index, p_line_quantity)
                    WITH ORDINALITY AS u(request, x, q, n)
                GROUP BY request
            ) l ON l.request = r.i
            WHERE r.outcome = 1
            ORDER BY r.key
            ON CONFLICT (key) DO NOTHING;
        END IF;
        GET DIAGNOSTICS v_count = ROW_COUNT;
        SELECT count(*) INTO v_accepted FROM unnest(outcome) AS o WHERE o = 1;
        EXIT attempt WHEN v_count = v_accepted;
        IF v_checked THEN
            RAISE EXCEPTION 'another transaction committed a key of the batch'
                USING ERRCODE = '40001';
        END IF;
        -- Some are known: take back what went in, look them up, decide again.
        DELETE FROM reservations WHERE key = ANY (p_keys) AND batch = v_batch;
        v_checked := true;
    END LOOP;

    IF 1 = ANY (outcome) THEN
        WITH demand AS (
            SELECT p_positions[x] AS id, sum(q)::int8 AS units
            FROM unnest(p_line_request, p_line_index, p_line_quantity) AS u(request, x, q)
            WHERE outcome[request] = 1
            GROUP BY x
        ), moved AS (
            UPDATE positions p SET held = held + d.units, version = version + 1, step = 0
            FROM demand d WHERE p.id = d.id
            RETURNING p.id, p.version, d.units, p.free
        ), written AS (
            INSERT INTO position_ledger (position, version, batch, at, kind, held_delta, free_after)
            SELECT id, version, v_batch, v_now, 2, units, free FROM moved
            RETURNING position, version, -held_delta AS delta, free_after
        )
        SELECT array_agg(position), array_agg(version), array_agg(delta), array_agg(free_after)
            INTO fresh_position, fresh_version, fresh_delta, fresh_free FROM written;
    END IF;

    IF 2 = ANY (outcome) THEN
        SELECT array_agg(g.position), array_agg(g.version), array_agg(g.delta),
            array_agg(g.free_after)
            INTO replay_position, replay_version, replay_delta, replay_free
        FROM (
            SELECT DISTINCT g.position, g.version, -g.held_delta AS delta, g.free_after
            FROM reservations r
            CROSS JOIN unnest(r.positions, r.versions) AS c(position, version)
            JOIN position_ledger g
                ON g.position = c.position AND g.version = c.version AND g.step = 0
            WHERE r.key = ANY (p_keys)
        ) g;
    END IF;
END $$;
