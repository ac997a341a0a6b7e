-- Contract: resolve_batch, everything that happens to a reservation after its commit, and expire_due.
--
-- In:  p_kind, one for the batch: 1 confirm, 2 release, 3 expire, 4 extend, 5 change, 6 transfer.
--      Per request i: the reservation's key, the key of the request itself (null: none) with the
--      fingerprint of its body, time to live in ms (4), whether an expired hold is taken again (1),
--      owner and key of the new reservation (6), who asked in what, and why.
--      Per line, for 1 (empty: all that is held) and 5: the index of its request, position, units.
--      Reservations are distinct within a batch.
-- Out: epoch: the open epoch at commit.
--      outcome[i]: 0 no such reservation, 1 done, 2 done before by the same request key, 3 that
--      request key came with another body, 4 the state forbids it, 5 expired, 6 not enough free
--      units, 7 more than is held, 8 the reservation has no such position,
--      9 the new key is taken (6).
--      state[i]: the state found. at_position[i], at_units[i]: for 6 to 8 what it was about.
--      fresh_*: the ledger rows that changed free, for the gate.
-- A refused request changes nothing; the others go on.
-- Keeps I1 (under the position locks) and "resolves at most once": every change is conditional on
-- the state, read after the locks. One ledger row per batch and position.
CREATE FUNCTION resolve_batch(
    p_shard int2, p_kind int2, p_keys uuid[],
    p_request_keys uuid[], p_fingerprints uuid[], p_ttl_ms int4[], p_reacquire bool[],
    p_owners text[], p_new_keys uuid[],
    p_principals text[], p_request_ids text[], p_trace_ids text[], p_reasons text[],
    p_line_request int4[], p_line_position int8[], p_line_quantity int8[],
    OUT epoch int8, OUT outcome int2[], OUT state int2[], OUT at_position int8[],
    OUT at_units int8[],
    OUT fresh_position int8[], OUT fresh_version int8[], OUT fresh_delta int8[],
    OUT fresh_free int8[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_touched int8[];
    v_free int8[];
    v_version int8[];
    v_held_delta int8[];
    v_allocated_delta int8[];
    v_now timestamptz;
    v_batch int8 := nextval('batches');
    v_count int4 := cardinality(p_keys);
    r reservations%ROWTYPE;
    v_request record;
    v_quantities int8[];
    v_held int8[];
    v_confirmed int8[];
    v_state int2;
    v_expires timestamptz;
    v_event int2;
    v_wanted int8;
    v_at int4;
    v_again bool;
    v_moved int8;
    v_room int8;
    v_new_held int8[];
    v_new_allocated int8[];
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7301, p_shard);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = p_shard;

    -- The positions of a reservation never change, so they can be read before they are locked.
    SELECT coalesce(array_agg(DISTINCT u.id ORDER BY u.id), '{}') INTO v_touched
        FROM reservations q CROSS JOIN unnest(q.positions) AS u(id) WHERE q.key = ANY (p_keys);
    PERFORM 1 FROM positions WHERE id = ANY (v_touched) ORDER BY id FOR NO KEY UPDATE;
    SELECT array_agg(free ORDER BY id), array_agg(version ORDER BY id)
        INTO v_free, v_version FROM positions WHERE id = ANY (v_touched);
    v_held_delta := array_fill(0::int8, ARRAY[cardinality(v_touched)]);
    v_allocated_delta := v_held_delta;
    v_now := clock_timestamp();
    outcome := array_fill(0::int2, ARRAY[v_count]);
    state := outcome;
    at_position := array_fill(0::int8, ARRAY[v_count]);
    at_units := at_position;

    <<requests>>
    FOR i IN 1..v_count LOOP
        SELECT * INTO r FROM reservations q WHERE q.key = p_keys[i] FOR NO KEY UPDATE;
        CONTINUE requests WHEN NOT FOUND;
        state[i] := r.state;
        IF p_request_keys[i] IS NOT NULL THEN
            SELECT e.key, e.fingerprint INTO v_request FROM reservation_events e
                WHERE e.request_key = p_request_keys[i];
            IF FOUND THEN
                outcome[i] := CASE WHEN v_request.key = p_keys[i]
                    AND v_request.fingerprint = p_fingerprints[i] THEN 2 ELSE 3 END;
                CONTINUE requests;
            END IF;
        END IF;

        v_quantities := r.quantities;
        v_held := r.held;
        v_confirmed := r.confirmed;
        v_state := r.state;
        v_expires := r.expires_at;
        v_event := p_kind;
        v_new_held := v_held_delta;
        v_new_allocated := v_allocated_delta;
        v_again := p_kind = 1 AND p_reacquire[i] AND r.state = 5;

        IF r.state NOT IN (1, 2) AND NOT v_again THEN
            outcome[i] := CASE WHEN r.state = 5 AND p_kind <> 2 THEN 5 ELSE 4 END;
            CONTINUE requests;
        END IF;
        IF p_kind = 3 AND r.expires_at > v_now THEN
            outcome[i] := 4;
            CONTINUE requests;
        END IF;
        -- A hold whose time is over is only still held because nobody has swept it yet.
        IF p_kind IN (1, 4, 5, 6) AND r.expires_at <= v_now AND NOT p_reacquire[i] THEN
            outcome[i] := 5;
            CONTINUE requests;
        END IF;

        IF p_kind IN (1, 5) AND i = ANY (p_line_request) THEN
            FOR l IN 1..cardinality(p_line_request) LOOP
                CONTINUE WHEN p_line_request[l] <> i;
                v_at := array_position(r.positions, p_line_position[l]);
                IF v_at IS NULL THEN
                    outcome[i] := 8;
                ELSIF p_kind = 1 AND p_line_quantity[l] > (CASE WHEN v_again
                    THEN r.quantities[v_at] - r.confirmed[v_at] ELSE v_held[v_at] END)
                THEN
                    outcome[i] := 7;
                    at_units[i] := CASE WHEN v_again
                        THEN r.quantities[v_at] - r.confirmed[v_at] ELSE v_held[v_at] END;
                END IF;
                IF outcome[i] <> 0 THEN
                    at_position[i] := p_line_position[l];
                    CONTINUE requests;
                END IF;
            END LOOP;
        END IF;

        -- What happens to each position of the reservation.
        FOR k IN 1..cardinality(r.positions) LOOP
            v_at := array_position(v_touched, r.positions[k]);
            v_wanted := NULL;
            v_room := v_free[v_at] - v_new_allocated[v_at] - v_new_held[v_at]
                - coalesce((SELECT s.quantity FROM channel_safety s
                    WHERE s.position = r.positions[k] AND s.channel = r.channel), 0);
            IF p_kind IN (1, 5) AND i = ANY (p_line_request) THEN
                SELECT sum(q)::int8 INTO v_wanted
                    FROM unnest(p_line_request, p_line_position, p_line_quantity) AS u(n, p, q)
                    WHERE n = i AND p = r.positions[k];
            END IF;
            IF p_kind = 1 THEN
                IF v_again THEN
                    -- Nothing is held any more: take the units from what is free.
                    v_moved := CASE WHEN i = ANY (p_line_request) THEN coalesce(v_wanted, 0)
                        ELSE r.quantities[k] - r.confirmed[k] END;
                    IF v_moved > 0 AND v_room < v_moved THEN
                        outcome[i] := 6;
                        at_position[i] := r.positions[k];
                        at_units[i] := v_room;
                        CONTINUE requests;
                    END IF;
                    v_event := 7;
                ELSE
                    v_moved := CASE WHEN i = ANY (p_line_request) THEN coalesce(v_wanted, 0)
                        ELSE v_held[k] END;
                    v_new_held[v_at] := v_new_held[v_at] - v_moved;
                    v_held[k] := v_held[k] - v_moved;
                END IF;
                v_new_allocated[v_at] := v_new_allocated[v_at] + v_moved;
                v_confirmed[k] := v_confirmed[k] + v_moved;
            ELSIF p_kind IN (2, 3) THEN
                v_new_held[v_at] := v_new_held[v_at] - v_held[k];
                v_held[k] := 0;
            ELSIF p_kind = 5 AND v_wanted IS NOT NULL THEN
                v_moved := v_wanted - v_held[k];
                IF v_moved > 0 AND v_room < v_moved THEN
                    outcome[i] := 6;
                    at_position[i] := r.positions[k];
                    at_units[i] := v_room;
                    CONTINUE requests;
                END IF;
                v_new_held[v_at] := v_new_held[v_at] + v_moved;
                v_held[k] := v_wanted;
                v_quantities[k] := v_quantities[k] + v_moved;
            END IF;
        END LOOP;

        IF p_kind = 1 THEN
            v_state := CASE WHEN (SELECT sum(q) FROM unnest(v_held) AS q) > 0 THEN 2 ELSE 3 END;
        ELSIF p_kind IN (2, 3) THEN
            -- What was confirmed stays confirmed: the rest ends.
            v_state := CASE WHEN r.state = 2 THEN 3 WHEN p_kind = 2 THEN 4 ELSE 5 END;
        ELSIF p_kind = 4 THEN
            v_expires := greatest(r.expires_at, v_now + p_ttl_ms[i] * interval '1 millisecond');
        ELSIF p_kind = 5 AND (SELECT sum(q) FROM unnest(v_held) AS q) = 0 THEN
            v_state := CASE WHEN r.state = 2 THEN 3 ELSE 4 END;
        ELSIF p_kind = 6 THEN
            IF r.state <> 1 THEN
                outcome[i] := 4;
                CONTINUE requests;
            END IF;
            INSERT INTO reservations (
                key, fingerprint, state, shard, batch, created_at, first_expires_at, expires_at,
                positions, quantities, held, confirmed, versions,
                owner, channel, principal, request_id, trace_id)
            SELECT p_new_keys[i], p_fingerprints[i], 1, p_shard, v_batch, v_now, r.expires_at,
                r.expires_at, r.positions, r.quantities, r.held, r.confirmed,
                (SELECT array_agg(v_version[array_position(v_touched, u.id)] ORDER BY u.n)
                    FROM unnest(r.positions) WITH ORDINALITY AS u(id, n)),
                p_owners[i], r.channel, p_principals[i], p_request_ids[i], p_trace_ids[i]
            ON CONFLICT (key) DO NOTHING;
            IF NOT FOUND THEN
                outcome[i] := 9;
                CONTINUE requests;
            END IF;
            v_state := 6;
            v_held := array_fill(0::int8, ARRAY[cardinality(v_held)]);
        END IF;

        v_held_delta := v_new_held;
        v_allocated_delta := v_new_allocated;
        outcome[i] := 1;
        UPDATE reservations q SET state = v_state, expires_at = v_expires, events = r.events + 1,
            quantities = v_quantities, held = v_held, confirmed = v_confirmed,
            transferred_to = CASE WHEN p_kind = 6 THEN p_new_keys[i] ELSE r.transferred_to END
            WHERE q.key = r.key;
        INSERT INTO reservation_events (
            key, sequence, at, kind, batch, request_key, fingerprint, state, expires_at,
            quantities, held, confirmed, principal, request_id, trace_id, reason, transferred_to)
        VALUES (
            r.key, r.events + 1, v_now, v_event, v_batch, p_request_keys[i], p_fingerprints[i],
            v_state, v_expires, v_quantities, v_held, v_confirmed,
            p_principals[i], p_request_ids[i], p_trace_ids[i], p_reasons[i],
            CASE WHEN p_kind = 6 THEN p_new_keys[i] END);
    END LOOP;

    WITH change AS (
        SELECT * FROM unnest(v_touched, v_held_delta, v_allocated_delta) AS u(id, held, allocated)
        WHERE held <> 0 OR allocated <> 0
    ), moved AS (
        UPDATE positions p SET held = p.held + c.held, allocated = p.allocated + c.allocated,
            version = p.version + (c.held + c.allocated <> 0)::int,
            step = CASE WHEN c.held + c.allocated <> 0 THEN 0 ELSE p.step + 1 END
        FROM change c WHERE p.id = c.id
        RETURNING p.id, p.version, p.step, p.free, c.held, c.allocated
    ), written AS (
        INSERT INTO position_ledger (position, version, step, batch, at, kind, held_delta,
            allocated_delta, free_after, principal, request_id, trace_id, reason)
        SELECT id, version, step, v_batch, v_now,
            CASE WHEN p_kind = 1 THEN 5 WHEN p_kind = 2 THEN 3 WHEN p_kind = 3 THEN 4
                WHEN held > 0 THEN 2 ELSE 3 END,
            held, allocated, free,
            CASE WHEN v_count = 1 THEN p_principals[1] ELSE '' END,
            CASE WHEN v_count = 1 THEN p_request_ids[1] ELSE '' END,
            CASE WHEN v_count = 1 THEN p_trace_ids[1] ELSE '' END,
            CASE WHEN v_count = 1 THEN p_reasons[1] ELSE '' END
        FROM moved
        RETURNING position, version, step, -held_delta - allocated_delta AS delta, free_after
    )
    SELECT array_agg(position), array_agg(version), array_agg(delta), array_agg(free_after)
        INTO fresh_position, fresh_version, fresh_delta, fresh_free FROM written WHERE step = 0;
END $$;

-- Contract: expire_due gives back the units of at most p_limit holds whose time is over by the
-- clock of this database, and of at most 2,000 lines: a transaction that took longer than its time
-- would only be tried again. One at a time sweeps a shard; the others find `busy`.
-- Out: due: how many were due (p_limit: there may be more). lag_ms: for how long the oldest of them
-- had been due. The rest as resolve_batch.
CREATE FUNCTION expire_due(
    p_shard int2, p_limit int4,
    OUT busy bool, OUT due int4, OUT lag_ms int8, OUT epoch int8,
    OUT fresh_position int8[], OUT fresh_version int8[], OUT fresh_delta int8[],
    OUT fresh_free int8[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_keys uuid[];
    v_nothing text[];
BEGIN
    busy := NOT pg_try_advisory_xact_lock(7302, p_shard);
    due := 0;
    lag_ms := 0;
    IF busy THEN
        RETURN;
    END IF;
    SELECT array_agg(key), (extract(epoch FROM clock_timestamp() - min(expires_at)) * 1000)::int8
        INTO v_keys, lag_ms
        FROM (
            SELECT key, expires_at, row_number() OVER upto AS n,
                sum(cardinality(positions)) OVER upto AS lines
            FROM (
                SELECT key, expires_at, positions FROM reservations
                WHERE state IN (1, 2) AND expires_at <= clock_timestamp() AND shard = p_shard
                ORDER BY expires_at LIMIT p_limit
            ) late
            WINDOW upto AS (ORDER BY expires_at, key ROWS UNBOUNDED PRECEDING)
        ) counted
        WHERE n = 1 OR lines <= 2000;
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
