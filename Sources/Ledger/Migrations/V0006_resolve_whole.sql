-- Contract: resolve_batch as V0003_resolve.sql states it, with a way for the common case: whole
-- holds that are confirmed, released or expired, without lines and without taking anything again.
-- There a batch is a handful of statements however many reservations it has: looking at them one by
-- one cost Postgres 60 to 100 us each, several times what it costs to make the hold.

ALTER FUNCTION resolve_batch(
    int2, int2, uuid[], uuid[], uuid[], int4[], bool[], text[], uuid[], text[], text[], text[],
    text[], int4[], int8[], int8[]
) RENAME TO resolve_each;

-- In and out: those of resolve_batch; p_kind is 1, 2 or 3. Reservations and request keys are
-- distinct within a batch.
-- Errors: 40001 when a reservation changed although its positions were locked: send it again.
CREATE FUNCTION resolve_whole(
    p_shard int2, p_kind int2, p_keys uuid[], p_request_keys uuid[], p_fingerprints uuid[],
    p_principals text[], p_request_ids text[], p_trace_ids text[], p_reasons text[],
    OUT epoch int8, OUT outcome int2[], OUT state int2[], OUT at_position int8[],
    OUT at_units int8[],
    OUT fresh_position int8[], OUT fresh_version int8[], OUT fresh_delta int8[],
    OUT fresh_free int8[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_touched int8[];
    v_now timestamptz;
    v_batch int8;
    v_count int4 := cardinality(p_keys);
    v_chosen int4;
    v_changed int4;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7301, p_shard);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = p_shard;

    -- The positions of a reservation never change, so they can be read before they are locked.
    SELECT coalesce(array_agg(DISTINCT u.id ORDER BY u.id), '{}') INTO v_touched
        FROM reservations q CROSS JOIN unnest(q.positions) AS u(id) WHERE q.key = ANY (p_keys);
    PERFORM 1 FROM positions WHERE id = ANY (v_touched) ORDER BY id FOR NO KEY UPDATE;
    v_now := clock_timestamp();
    at_position := array_fill(0::int8, ARRAY[v_count]);
    at_units := at_position;

    -- Whoever changes a reservation holds its positions, so these states stand.
    SELECT array_agg(coalesce(r.state, 0::int2) ORDER BY a.i),
        array_agg((CASE
            WHEN r.key IS NULL THEN 0
            WHEN e.key IS NOT NULL THEN
                CASE WHEN e.key = a.key AND e.fingerprint = a.fingerprint THEN 2 ELSE 3 END
            WHEN r.state NOT IN (1, 2) THEN
                CASE WHEN r.state = 5 AND p_kind <> 2 THEN 5 ELSE 4 END
            WHEN p_kind = 3 AND r.expires_at > v_now THEN 4
            -- A hold whose time is over is only still held because nobody has swept it yet.
            WHEN p_kind = 1 AND r.expires_at <= v_now THEN 5
            ELSE 1
        END)::int2 ORDER BY a.i)
        INTO state, outcome
        FROM unnest(p_keys, p_request_keys, p_fingerprints) WITH ORDINALITY
            AS a(key, request_key, fingerprint, i)
        LEFT JOIN reservations r ON r.key = a.key
        LEFT JOIN reservation_events e ON e.request_key = a.request_key;
    SELECT count(*) INTO v_chosen FROM unnest(outcome) AS o WHERE o = 1;
    IF v_chosen = 0 THEN
        RETURN;
    END IF;

    v_batch := nextval('batches');
    WITH found AS (
        SELECT a.*, r.state AS was, r.held, r.events
        FROM unnest(
            p_keys, outcome, p_request_keys, p_fingerprints, p_principals, p_request_ids,
            p_trace_ids, p_reasons
        ) AS a(
            key, outcome, request_key, fingerprint, principal, request_id, trace_id, reason)
        JOIN reservations r ON r.key = a.key
        WHERE a.outcome = 1
    ), changed AS (
        UPDATE reservations q SET
            -- What was confirmed stays confirmed: the rest ends.
            state = CASE WHEN p_kind = 1 OR f.was = 2 THEN 3 WHEN p_kind = 2 THEN 4 ELSE 5 END,
            events = q.events + 1,
            held = array_fill(0::int8, ARRAY[cardinality(q.held)]),
            confirmed = CASE
                WHEN p_kind <> 1 THEN q.confirmed
                WHEN f.was = 1 THEN q.held
                ELSE ARRAY(SELECT h + c FROM unnest(q.held, q.confirmed) WITH ORDINALITY
                    AS u(h, c, n) ORDER BY n)
            END
        FROM found f
        WHERE q.key = f.key AND q.events = f.events
        RETURNING q.key, q.events, q.state, q.expires_at, q.positions, q.quantities, q.held,
            q.confirmed, f.held AS moved, f.request_key, f.fingerprint, f.principal,
            f.request_id, f.trace_id, f.reason
    ), noted AS (
        INSERT INTO reservation_events (
            key, sequence, at, kind, batch, request_key, fingerprint, state, expires_at,
            quantities, held, confirmed, principal, request_id, trace_id, reason)
        SELECT key, events, v_now, p_kind, v_batch, request_key, fingerprint, state, expires_at,
            quantities, held, confirmed, principal, request_id, trace_id, reason
        FROM changed
    ), change AS (
        SELECT u.id, sum(u.units)::int8 AS units
        FROM changed c CROSS JOIN unnest(c.positions, c.moved) AS u(id, units)
        GROUP BY u.id HAVING sum(u.units) <> 0
    ), moved AS (
        UPDATE positions p SET held = p.held - c.units,
            allocated = p.allocated + CASE WHEN p_kind = 1 THEN c.units ELSE 0 END,
            version = p.version + (p_kind <> 1)::int,
            step = CASE WHEN p_kind = 1 THEN p.step + 1 ELSE 0 END
        FROM change c WHERE p.id = c.id
        RETURNING p.id, p.version, p.step, p.free, c.units
    ), written AS (
        INSERT INTO position_ledger (position, version, step, batch, at, kind, held_delta,
            allocated_delta, free_after, principal, request_id, trace_id, reason)
        SELECT id, version, step, v_batch, v_now,
            CASE p_kind WHEN 1 THEN 5 WHEN 2 THEN 3 ELSE 4 END,
            -units, CASE WHEN p_kind = 1 THEN units ELSE 0 END, free,
            CASE WHEN v_count = 1 THEN p_principals[1] ELSE '' END,
            CASE WHEN v_count = 1 THEN p_request_ids[1] ELSE '' END,
            CASE WHEN v_count = 1 THEN p_trace_ids[1] ELSE '' END,
            CASE WHEN v_count = 1 THEN p_reasons[1] ELSE '' END
        FROM moved
        RETURNING position, version, step, -held_delta - allocated_delta AS delta, free_after
    )
    SELECT array_agg(position), array_agg(version), array_agg(delta), array_agg(free_after),
        (SELECT count(*) FROM changed)
        INTO fresh_position, fresh_version, fresh_delta, fresh_free, v_changed
        FROM written WHERE step = 0;
    IF v_changed <> v_chosen THEN
        RAISE EXCEPTION 'a reservation of the batch changed under its locks'
            USING ERRCODE = '40001';
    END IF;
END $$;

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
BEGIN
    IF p_kind <= 3 AND cardinality(p_line_request) = 0 AND NOT true = ANY (p_reacquire) THEN
        SELECT b.epoch, b.outcome, b.state, b.at_position, b.at_units,
            b.fresh_position, b.fresh_version, b.fresh_delta, b.fresh_free
            INTO epoch, outcome, state, at_position, at_units,
                fresh_position, fresh_version, fresh_delta, fresh_free
            FROM resolve_whole(
                p_shard, p_kind, p_keys, p_request_keys, p_fingerprints,
                p_principals, p_request_ids, p_trace_ids, p_reasons
            ) b;
    ELSE
        SELECT b.epoch, b.outcome, b.state, b.at_position, b.at_units,
            b.fresh_position, b.fresh_version, b.fresh_delta, b.fresh_free
            INTO epoch, outcome, state, at_position, at_units,
                fresh_position, fresh_version, fresh_delta, fresh_free
            FROM resolve_each(
                p_shard, p_kind, p_keys, p_request_keys, p_fingerprints, p_ttl_ms, p_reacquire,
                p_owners, p_new_keys, p_principals, p_request_ids, p_trace_ids, p_reasons,
                p_line_request, p_line_position, p_line_quantity
            ) b;
    END IF;
END $$;

-- Contract: expire_due as V0003_resolve.sql states it; it looks only at holds that are due.
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
    v_nothing text[];
BEGIN
    busy := NOT pg_try_advisory_xact_lock(7302, p_shard);
    due := 0;
    lag_ms := 0;
    IF busy THEN
        RETURN;
    END IF;
    SELECT array_agg(key), (extract(epoch FROM v_now - min(expires_at)) * 1000)::int8
        INTO v_keys, lag_ms
        FROM (
            SELECT key, expires_at, row_number() OVER upto AS n,
                sum(cardinality(positions)) OVER upto AS lines
            FROM (
                SELECT key, expires_at, positions FROM reservations
                WHERE state IN (1, 2) AND expires_at <= v_now AND shard = p_shard
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
