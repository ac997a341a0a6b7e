-- Contract: what makes the ledger one history that nobody who serves can rewrite.
--
-- 1. The numbers of batches are in the order of their conflicts: every function that writes takes the
--    shared lock of the shard, then the locks of its positions, and only then its number and the time.
--    So whoever reads all batches up to some number sees a state that was, or could have been: no row
--    is there without those that it followed from. Every function of a later migration does the same.
-- 2. What a reservation was before its quantities changed stands in the event that changed them; all
--    that it ever was can be read from its events.
-- 3. A server has the privileges of a role of its own. It adds rows to ledger and audit trail, and
--    cannot change, remove or seal any.

ALTER TABLE reservation_events ADD COLUMN quantities_before int8[];
-- What was before the changes of earlier versions is not known any more: this stands for it from now on.
UPDATE reservation_events SET quantities_before = quantities WHERE kind = 5;
CREATE INDEX reservation_events_change ON reservation_events (key, sequence) WHERE kind = 5;
CREATE INDEX order_events_batch ON order_events USING brin (batch)
    WITH (pages_per_range = 8, autosummarize = on);
CREATE INDEX stock_commands_batch ON stock_commands USING brin (batch)
    WITH (pages_per_range = 8, autosummarize = on);

-- resolve_each as V0003_resolve.sql states it (there as resolve_batch), but for the two above.
CREATE OR REPLACE FUNCTION resolve_each(
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
    v_batch int8;
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
    v_batch := nextval('batches');
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
            quantities, held, confirmed, principal, request_id, trace_id, reason, transferred_to,
            quantities_before)
        VALUES (
            r.key, r.events + 1, v_now, v_event, v_batch, p_request_keys[i], p_fingerprints[i],
            v_state, v_expires, v_quantities, v_held, v_confirmed,
            p_principals[i], p_request_ids[i], p_trace_ids[i], p_reasons[i],
            CASE WHEN p_kind = 6 THEN p_new_keys[i] END,
            CASE WHEN p_kind = 5 THEN r.quantities END);
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

-- The privileges of the serving role, where they are not SELECT, INSERT, UPDATE and DELETE: tables of
-- this list are append-only, or have columns that never change. A table that a later migration adds
-- and that must not be rewritten gets a row here.
CREATE TABLE serving_privileges (
    name       text PRIMARY KEY,
    privileges text NOT NULL
);
INSERT INTO serving_privileges VALUES
    ('position_ledger', 'SELECT, INSERT'),
    ('reservation_events', 'SELECT, INSERT'),
    ('order_events', 'SELECT, INSERT'),
    ('count_events', 'SELECT, INSERT'),
    ('stock_commands', 'SELECT, INSERT'),
    ('schema_migrations', 'SELECT'),
    ('serving_privileges', 'SELECT'),
    ('positions', 'SELECT, INSERT, UPDATE (on_hand, held, allocated, safety, damaged, '
        'quality_control, in_transit, version, step)'),
    ('reservations', 'SELECT, INSERT, UPDATE (state, expires_at, events, quantities, held, '
        'confirmed, transferred_to, order_key)'),
    ('orders', 'SELECT, INSERT, UPDATE (status, events, updated_at)'),
    ('order_lines', 'SELECT, INSERT, UPDATE (allocated, shipped, cancelled)'),
    ('transfers', 'SELECT, INSERT, UPDATE (state)'),
    ('stock_counts', 'SELECT, INSERT, UPDATE (state, applied, events)'),
    ('cache_epoch', 'SELECT, UPDATE');

-- Makes p_role the serving role of this schema: it has the privileges above and no others. Run after
-- every migration, by the owner of the schema; changes nothing when all is as it should be.
CREATE FUNCTION grant_serving(p_role text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_schema text := current_schema();
    v_table record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = p_role) THEN
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', p_role);
        -- Somebody else made it at this moment: roles belong to all databases.
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    -- The owner may serve as that role, and end sessions of its members.
    IF NOT pg_has_role(current_user, p_role, 'MEMBER') THEN
        EXECUTE format('GRANT %I TO %I', p_role, current_user);
    END IF;
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', v_schema, p_role);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', v_schema, p_role);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', v_schema, p_role);
    FOR v_table IN
        SELECT c.relname, coalesce(s.privileges,
            CASE c.relkind WHEN 'v' THEN 'SELECT' ELSE 'SELECT, INSERT, UPDATE, DELETE' END) AS privileges
        FROM pg_class c LEFT JOIN serving_privileges s ON s.name = c.relname
        WHERE c.relnamespace = v_schema::regnamespace AND c.relkind IN ('r', 'p', 'v')
            AND pg_has_role(c.relowner, 'USAGE')
        ORDER BY c.relname
    LOOP
        EXECUTE format('GRANT %s ON %I.%I TO %I', v_table.privileges, v_schema, v_table.relname,
            p_role);
    END LOOP;
    EXECUTE format('GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I', v_schema, p_role);
    FOR v_table IN
        SELECT p.oid::regprocedure AS relname FROM pg_proc p
        WHERE p.pronamespace = v_schema::regnamespace AND p.prosecdef
            AND pg_has_role(p.proowner, 'USAGE')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', v_table.relname);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', v_table.relname, p_role);
    END LOOP;
END $$;

-- The tables that whoever asks could rewrite although they are append-only, or could make so; empty
-- for a server as it should be.
CREATE FUNCTION rewritable_tables() RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(c.relname::text ORDER BY c.relname), '{}')
    FROM serving_privileges s
    JOIN pg_class c ON c.relname = s.name AND c.relnamespace = current_schema()::regnamespace
    WHERE s.privileges IN ('SELECT', 'SELECT, INSERT') AND (
        has_any_column_privilege(c.oid, 'UPDATE')
        OR has_table_privilege(c.oid, 'DELETE, TRUNCATE, TRIGGER')
        OR pg_has_role(c.relowner, 'USAGE'))
$$;

-- Ends the sessions that keep the session p_waiting waiting, except those that wait for a standby:
-- ending them would show commits that are not replicated yet. One row each. With the rights of the
-- owner, because a serving role neither sees what sessions of its own login wait for nor ends them.
CREATE FUNCTION end_blockers(p_waiting int4) RETURNS SETOF bool LANGUAGE sql SECURITY DEFINER AS $$
    SELECT pg_terminate_backend(a.pid)
    FROM unnest(pg_blocking_pids(p_waiting)) AS b(pid)
    JOIN pg_stat_activity a ON a.pid = b.pid AND a.datname = current_database()
    WHERE a.wait_event IS DISTINCT FROM 'SyncRep'
$$;
-- A function that runs as its owner looks for its names where nobody else can put any.
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION end_blockers(int4) SET search_path = %I, pg_temp',
        current_schema());
END $$;
