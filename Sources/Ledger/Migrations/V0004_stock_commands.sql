-- Contract: the commands that change stock outside of reservations and orders.
--
-- Every command:
--   takes the key's advisory lock, the shard's shared lock, its positions by id, in this order;
--   answers a known key from what it wrote then, or says that the body was another one;
--   checks every line before it writes any, so that a refusal leaves no trace;
--   writes one ledger row per position, by move_units.
-- Out: epoch:     the epoch open at the commit.
--      outcome:   1 done, 2 done before, 3 same key with another body, 4 unknown position,
--                 5 not enough units, 6 too many units, 7 not found, 8 wrong state.
--      line:      for 4 to 6 the movement at fault, from 0.
--      requested, available: for 5 the figures. what: for 4 `sku`, `node` or `combination`; for 5
--                 the units that there are too few of; for 8 the state.
--      positions, versions, steps: the ledger rows, in the order of the movements; see
--                 stock_answer for what stands in them.
-- Errors: 40001 when another transaction created a position meanwhile: send it again.
-- Keeps S1 (checked here, and by CHECK), S4.

ALTER TABLE stock_commands
    ADD COLUMN positions int8[] NOT NULL,
    ADD COLUMN versions int8[] NOT NULL,
    ADD COLUMN steps int4[] NOT NULL;

-- What was withheld from a channel at some version.
CREATE INDEX position_ledger_channel ON position_ledger (position, channel, version)
    WHERE channel IS NOT NULL;

-- Changes buckets and writes the ledger rows: the only writer of both for commands on stock and
-- orders. The positions are distinct and locked. Missing figures are 0. The free units decide
-- whether a row makes a version or a step; a change of a channel's safety makes a version too.
CREATE FUNCTION move_units(
    p_batch int8, p_at timestamptz, p_kind int2, p_positions int8[], p_on_hand int8[],
    p_held int8[], p_allocated int8[], p_safety int8[], p_damaged int8[], p_quality_control int8[],
    p_in_transit int8[], p_channel text, p_channel_safety int8,
    p_principal text, p_request_id text, p_trace_id text, p_reason text, p_reference text,
    OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
BEGIN
    WITH d AS (
        SELECT u.id, n, coalesce(on_hand, 0) AS on_hand, coalesce(held, 0) AS held,
            coalesce(allocated, 0) AS allocated, coalesce(safety, 0) AS safety,
            coalesce(damaged, 0) AS damaged, coalesce(quality_control, 0) AS quality_control,
            coalesce(in_transit, 0) AS in_transit
        FROM unnest(p_positions, p_on_hand, p_held, p_allocated, p_safety, p_damaged,
            p_quality_control, p_in_transit) WITH ORDINALITY
            AS u(id, on_hand, held, allocated, safety, damaged, quality_control, in_transit, n)
    ), f AS (
        SELECT d.*, p_channel IS NOT NULL
            OR on_hand - held - allocated - safety - damaged - quality_control <> 0 AS is_version
        FROM d
    ), moved AS (
        UPDATE positions p SET
            on_hand = p.on_hand + f.on_hand, held = p.held + f.held,
            allocated = p.allocated + f.allocated, safety = p.safety + f.safety,
            damaged = p.damaged + f.damaged,
            quality_control = p.quality_control + f.quality_control,
            in_transit = p.in_transit + f.in_transit,
            version = p.version + f.is_version::int4,
            step = CASE WHEN f.is_version THEN 0 ELSE p.step + 1 END
        FROM f WHERE p.id = f.id
        RETURNING p.id, p.version, p.step, p.free, f.n,
            f.on_hand, f.held, f.allocated, f.safety, f.damaged, f.quality_control, f.in_transit,
            ARRAY[p.on_hand, p.held, p.allocated, p.safety, p.damaged, p.quality_control,
                p.in_transit] AS after
    ), written AS (
        INSERT INTO position_ledger (
            position, version, step, batch, at, kind, on_hand_delta, held_delta, allocated_delta,
            safety_delta, damaged_delta, quality_control_delta, in_transit_delta, free_after,
            channel, channel_safety, principal, request_id, trace_id, reason, reference, after)
        SELECT m.id, m.version, m.step, p_batch, p_at, p_kind, m.on_hand, m.held, m.allocated,
            m.safety, m.damaged, m.quality_control, m.in_transit, m.free,
            p_channel, p_channel_safety, p_principal, p_request_id, p_trace_id, p_reason,
            p_reference, m.after
        FROM moved m
    )
    SELECT coalesce(array_agg(m.version ORDER BY n), '{}'),
        coalesce(array_agg(m.step ORDER BY n), '{}')
        INTO versions, steps FROM moved m;
    IF cardinality(versions) <> cardinality(p_positions) THEN
        RAISE EXCEPTION 'a position of the batch does not exist' USING ERRCODE = 'HF001';
    END IF;
END $$;

-- The ledger rows named, as an answer needs them, in the order given. channels and quantities are
-- what was withheld from single channels at that version. view_delta is what the gate adds to its
-- figure; null for a step, which the gate is not told. Volatile, so that it sees what the command
-- in the same statement wrote.
CREATE FUNCTION stock_answer(p_positions int8[], p_versions int8[], p_steps int4[])
RETURNS TABLE (
    n int8, id int8, sku text, node text, version int8, after int8[], view_delta int8,
    free_after int8, channel text, channel_safety int8, channels text[], quantities int8[]
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT u.n, g.position, p.sku, p.node, g.version, g.after,
        CASE WHEN g.step = 0 THEN g.on_hand_delta - g.held_delta - g.allocated_delta
            - g.safety_delta - g.damaged_delta - g.quality_control_delta END,
        g.free_after, g.channel, g.channel_safety, c.channels, c.quantities
    FROM unnest(p_positions, p_versions, p_steps) WITH ORDINALITY AS u(position, version, step, n)
    JOIN position_ledger g
        ON g.position = u.position AND g.version = u.version AND g.step = u.step
    JOIN positions p ON p.id = g.position
    LEFT JOIN LATERAL (
        SELECT array_agg(l.channel ORDER BY l.channel) AS channels,
            array_agg(l.channel_safety ORDER BY l.channel) AS quantities
        FROM (
            SELECT DISTINCT ON (w.channel) w.channel, w.channel_safety FROM position_ledger w
            WHERE w.position = g.position AND w.channel IS NOT NULL AND w.version <= g.version
            ORDER BY w.channel, w.version DESC
        ) l WHERE l.channel_safety > 0
    ) c ON true
    ORDER BY u.n;
END $$;

-- What stock_commands knows of a key: outcome 2 or 3, or null for a new one. Takes the key's lock.
CREATE FUNCTION known_stock_command(
    p_key uuid, p_fingerprint uuid,
    OUT outcome int2, OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT CASE WHEN c.fingerprint = p_fingerprint THEN 2 ELSE 3 END,
        c.positions, c.versions, c.steps
        INTO outcome, positions, versions, steps FROM stock_commands c WHERE c.key = p_key;
END $$;

-- Which part of a position's name is not known: sku, node or combination.
CREATE FUNCTION unknown_part(p_sku text, p_node text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT 1 FROM positions WHERE sku = p_sku COLLATE "C") THEN 'sku'
        WHEN NOT EXISTS (SELECT 1 FROM positions WHERE node = p_node COLLATE "C") THEN 'node'
        ELSE 'combination' END
$$;

-- Receive, adjust, move between states, and transfer.
--
-- In: per movement: the position by name, the kind of its ledger row (all movements of one position
--     have the same), the changes, whether the position may be created (kind 1: always; others: at
--     a node that is known), and for units received the reference of the supply that they fulfil,
--     or an empty text.
--     p_transfer: 0 for no transfer, else the state of the transfer that is made: 1 in transit,
--     2 arrived; its id is p_key and its targets are the movements of kind 11.
CREATE FUNCTION apply_movements(
    p_key uuid, p_fingerprint uuid,
    p_skus text[], p_nodes text[], p_kinds int2[], p_on_hand int8[],
    p_damaged int8[], p_quality_control int8[], p_in_transit int8[], p_may_create bool[],
    p_incoming text[], p_transfer int2,
    p_principal text, p_request_id text, p_trace_id text, p_reason text, p_reference text,
    OUT epoch int8, OUT outcome int2, OUT line int4, OUT requested int8, OUT available int8,
    OUT what text, OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c_units_max CONSTANT int8 := 1000000000000;
    v_now timestamptz;
    v_batch int8;
    v_wanted int4;
    v_created int4;
    v_kind int2;
    v_part record;
    v_written record;
    m record;
BEGIN
    SELECT k.outcome, k.positions, k.versions, k.steps
        INTO outcome, positions, versions, steps FROM known_stock_command(p_key, p_fingerprint) k;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;

    PERFORM 1 FROM positions p
        WHERE (p.sku, p.node) IN (SELECT * FROM unnest(p_skus, p_nodes))
        ORDER BY p.id FOR NO KEY UPDATE;

    v_wanted := 0;
    FOR m IN
        SELECT u.line, u.sku, u.node, u.kind, u.may_create, u.on_hand, u.damaged,
            u.quality_control, u.in_transit, p.id,
            coalesce(p.on_hand, 0) AS p_on_hand, coalesce(p.held, 0) AS p_held,
            coalesce(p.allocated, 0) AS p_allocated, coalesce(p.damaged, 0) AS p_damaged,
            coalesce(p.quality_control, 0) AS p_quality_control,
            coalesce(p.in_transit, 0) AS p_in_transit, coalesce(p.free, 0) AS p_free
        FROM (
            SELECT min(n) AS n, min(n)::int4 - 1 AS line, sku, node, min(kind) AS kind,
                bool_and(may_create) AS may_create, sum(on_hand)::int8 AS on_hand,
                sum(damaged)::int8 AS damaged, sum(quality_control)::int8 AS quality_control,
                sum(in_transit)::int8 AS in_transit
            FROM unnest(p_skus, p_nodes, p_kinds, p_on_hand, p_damaged,
                p_quality_control, p_in_transit, p_may_create) WITH ORDINALITY
                AS l(sku, node, kind, on_hand, damaged, quality_control, in_transit,
                    may_create, n)
            GROUP BY sku, node
        ) u LEFT JOIN positions p ON p.sku = u.sku COLLATE "C" AND p.node = u.node COLLATE "C"
        ORDER BY u.n
    LOOP
        line := m.line;
        IF m.id IS NULL THEN
            IF NOT m.may_create OR (m.kind <> 1
                AND NOT EXISTS (SELECT 1 FROM positions WHERE node = m.node COLLATE "C")) THEN
                outcome := 4;
                what := unknown_part(m.sku, m.node);
                RETURN;
            END IF;
            v_wanted := v_wanted + 1;
        END IF;
        SELECT * INTO v_part FROM (VALUES
            -- Units leave for another node: they must be free.
            (m.kind = 10, -m.on_hand, m.p_free, 'available'),
            (m.damaged < 0, -m.damaged, m.p_damaged, 'damaged'),
            (m.quality_control < 0, -m.quality_control, m.p_quality_control,
                'in quality control'),
            (m.in_transit < 0, -m.in_transit, m.p_in_transit, 'in transit'),
            -- Whatever leaves the sellable state must not be promised; safety stock may go.
            (m.on_hand - m.damaged - m.quality_control < 0,
                -(m.on_hand - m.damaged - m.quality_control),
                m.p_on_hand - m.p_damaged - m.p_quality_control - m.p_held - m.p_allocated,
                'on hand and not promised')
        ) AS c(is_asked, requested, available, what)
        WHERE c.is_asked AND c.requested > c.available LIMIT 1;
        IF FOUND THEN
            outcome := 5;
            requested := v_part.requested;
            available := v_part.available;
            what := v_part.what;
            RETURN;
        END IF;
        IF m.p_on_hand + m.on_hand + m.p_in_transit + m.in_transit > c_units_max THEN
            outcome := 6;
            RETURN;
        END IF;
    END LOOP;
    line := NULL;

    IF v_wanted > 0 THEN
        INSERT INTO positions (sku, node)
            SELECT DISTINCT u.sku COLLATE "C" AS sku, u.node COLLATE "C" AS node
            FROM unnest(p_skus, p_nodes) AS u(sku, node)
            WHERE NOT EXISTS (SELECT 1 FROM positions p WHERE p.sku = u.sku COLLATE "C"
                AND p.node = u.node COLLATE "C")
            ORDER BY 1, 2
            ON CONFLICT (sku, node) DO NOTHING;
        GET DIAGNOSTICS v_created = ROW_COUNT;
        IF v_created <> v_wanted THEN
            RAISE EXCEPTION 'another transaction created a position of the command'
                USING ERRCODE = '40001';
        END IF;
    END IF;

    v_now := clock_timestamp();
    v_batch := nextval('batches');
    outcome := 1;
    positions := '{}';
    versions := '{}';
    steps := '{}';
    -- At most two kinds in one command: a transfer has its way out and its way in.
    FOR v_kind IN
        SELECT k FROM unnest(p_kinds) WITH ORDINALITY AS u(k, n) GROUP BY k ORDER BY min(n)
    LOOP
        SELECT d.ids, w.versions, w.steps INTO v_written
        FROM (
            SELECT array_agg(s.id ORDER BY s.n) AS ids,
                array_agg(s.on_hand ORDER BY s.n) AS on_hand,
                array_agg(s.damaged ORDER BY s.n) AS damaged,
                array_agg(s.quality_control ORDER BY s.n) AS quality_control,
                array_agg(s.in_transit ORDER BY s.n) AS in_transit
            FROM (
                SELECT p.id, min(n) AS n, sum(l.on_hand)::int8 AS on_hand,
                    sum(l.damaged)::int8 AS damaged,
                    sum(l.quality_control)::int8 AS quality_control,
                    sum(l.in_transit)::int8 AS in_transit
                FROM unnest(p_skus, p_nodes, p_kinds, p_on_hand, p_damaged, p_quality_control,
                    p_in_transit) WITH ORDINALITY
                    AS l(sku, node, kind, on_hand, damaged, quality_control, in_transit, n)
                JOIN positions p ON p.sku = l.sku COLLATE "C" AND p.node = l.node COLLATE "C"
                WHERE l.kind = v_kind GROUP BY p.id
            ) s
        ) d CROSS JOIN LATERAL move_units(
            v_batch, v_now, v_kind, d.ids, d.on_hand, '{}', '{}', '{}', d.damaged,
            d.quality_control, d.in_transit, NULL, NULL,
            p_principal, p_request_id, p_trace_id, p_reason, p_reference) w;
        positions := positions || v_written.ids;
        versions := versions || v_written.versions;
        steps := steps || v_written.steps;
    END LOOP;

    PERFORM fulfil_incoming(p_skus, p_nodes, p_incoming, p_on_hand);
    IF p_transfer > 0 THEN
        INSERT INTO transfers (id, state, targets, quantities, reference, at)
            SELECT p_key, p_transfer, array_agg(s.id ORDER BY s.id),
                array_agg(s.units ORDER BY s.id), p_reference, v_now
            FROM (
                SELECT p.id, sum(l.on_hand + l.in_transit)::int8 AS units
                FROM unnest(p_skus, p_nodes, p_kinds, p_on_hand, p_in_transit)
                    AS l(sku, node, kind, on_hand, in_transit)
                JOIN positions p ON p.sku = l.sku COLLATE "C" AND p.node = l.node COLLATE "C"
                WHERE l.kind = 11 GROUP BY p.id
            ) s;
    END IF;
    INSERT INTO stock_commands (key, fingerprint, batch, at, positions, versions, steps)
        VALUES (p_key, p_fingerprint, v_batch, v_now, positions, versions, steps);
END $$;

-- Takes received units off the supply that they were announced as; a supply that is complete goes.
-- A reference that nobody announced is no error. The positions are locked.
CREATE FUNCTION fulfil_incoming(
    p_skus text[], p_nodes text[], p_incoming text[], p_units int8[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF array_remove(p_incoming, '') = '{}' THEN
        RETURN;
    END IF;
    UPDATE incoming i SET quantity = greatest(i.quantity - s.units, 0)
    FROM (
        SELECT p.id, l.reference, sum(l.units)::int8 AS units
        FROM unnest(p_skus, p_nodes, p_incoming, p_units) AS l(sku, node, reference, units)
        JOIN positions p ON p.sku = l.sku COLLATE "C" AND p.node = l.node COLLATE "C"
        WHERE l.reference <> '' GROUP BY p.id, l.reference
    ) s WHERE i.position = s.id AND i.reference = s.reference COLLATE "C";
    DELETE FROM incoming i USING positions p
        WHERE i.position = p.id AND i.quantity = 0
        AND (p.sku, p.node) IN (SELECT * FROM unnest(p_skus, p_nodes));
END $$;

-- Lands a transfer that is in transit: its units are on hand at their targets. line is null in
-- every refusal. transfer is 1 when the transfer is still in transit after the call, else 2.
CREATE FUNCTION receive_transfer(
    p_key uuid, p_fingerprint uuid, p_id uuid,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT line int4, OUT requested int8, OUT available int8,
    OUT what text, OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    t transfers;
BEGIN
    SELECT k.outcome, k.positions, k.versions, k.steps
        INTO outcome, positions, versions, steps FROM known_stock_command(p_key, p_fingerprint) k;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO t FROM transfers WHERE id = p_id;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    PERFORM 1 FROM positions WHERE id = ANY (t.targets) ORDER BY id FOR NO KEY UPDATE;
    SELECT * INTO t FROM transfers WHERE id = p_id FOR NO KEY UPDATE;
    IF t.state <> 1 THEN
        outcome := 8;
        what := 'ARRIVED';
        RETURN;
    END IF;

    v_now := clock_timestamp();
    v_batch := nextval('batches');
    outcome := 1;
    positions := t.targets;
    SELECT w.versions, w.steps INTO versions, steps FROM move_units(
        v_batch, v_now, 11::int2, t.targets, t.quantities, '{}', '{}', '{}', '{}', '{}',
        (SELECT array_agg(-q ORDER BY n) FROM unnest(t.quantities) WITH ORDINALITY AS u(q, n)),
        NULL, NULL, p_principal, p_request_id, p_trace_id, 'ARRIVED', t.reference) w;
    UPDATE transfers SET state = 2 WHERE id = p_id;
    INSERT INTO stock_commands (key, fingerprint, batch, at, positions, versions, steps)
        VALUES (p_key, p_fingerprint, v_batch, v_now, positions, versions, steps);
END $$;

-- Sets the units withheld at a position, from every channel (p_channel empty) or from one. Holds
-- that were given stay: only free changes, and it may fall below zero.
CREATE FUNCTION set_safety_stock(
    p_key uuid, p_fingerprint uuid, p_sku text, p_node text, p_quantity int8, p_channel text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT line int4, OUT requested int8, OUT available int8,
    OUT what text, OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    v_id int8;
    v_change int8;
    v_is_whole bool := p_channel = '';
BEGIN
    SELECT k.outcome, k.positions, k.versions, k.steps
        INTO outcome, positions, versions, steps FROM known_stock_command(p_key, p_fingerprint) k;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT p.id, CASE WHEN v_is_whole THEN p_quantity - p.safety ELSE 0 END INTO v_id, v_change
        FROM positions p WHERE p.sku = p_sku COLLATE "C" AND p.node = p_node COLLATE "C"
        FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 4;
        line := 0;
        what := unknown_part(p_sku, p_node);
        RETURN;
    END IF;

    v_now := clock_timestamp();
    v_batch := nextval('batches');
    outcome := 1;
    positions := ARRAY[v_id];
    SELECT w.versions, w.steps INTO versions, steps FROM move_units(
        v_batch, v_now, 12::int2, positions, '{}', '{}', '{}', ARRAY[v_change], '{}', '{}', '{}',
        nullif(p_channel, ''), CASE WHEN NOT v_is_whole THEN p_quantity END,
        p_principal, p_request_id, p_trace_id, 'SAFETY', p_channel) w;
    IF NOT v_is_whole AND p_quantity = 0 THEN
        DELETE FROM channel_safety
            WHERE position = v_id AND channel = p_channel COLLATE "C";
    ELSIF NOT v_is_whole THEN
        INSERT INTO channel_safety (position, channel, quantity, version)
            VALUES (v_id, p_channel, p_quantity, versions[1])
            ON CONFLICT (position, channel)
            DO UPDATE SET quantity = excluded.quantity, version = excluded.version;
    END IF;
    INSERT INTO stock_commands (key, fingerprint, batch, at, positions, versions, steps)
        VALUES (p_key, p_fingerprint, v_batch, v_now, positions, versions, steps);
END $$;

-- States a supply that is expected at a position; 0 units withdraw it. No balance changes: the
-- ledger row says only that it was said, and what the answer was.
CREATE FUNCTION set_incoming(
    p_key uuid, p_fingerprint uuid, p_sku text, p_node text, p_reference text, p_quantity int8,
    p_expected_at timestamptz, p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT line int4, OUT requested int8, OUT available int8,
    OUT what text, OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_batch int8;
    v_id int8;
BEGIN
    SELECT k.outcome, k.positions, k.versions, k.steps
        INTO outcome, positions, versions, steps FROM known_stock_command(p_key, p_fingerprint) k;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT p.id INTO v_id FROM positions p
        WHERE p.sku = p_sku COLLATE "C" AND p.node = p_node COLLATE "C" FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 4;
        line := 0;
        what := unknown_part(p_sku, p_node);
        RETURN;
    END IF;

    v_now := clock_timestamp();
    v_batch := nextval('batches');
    outcome := 1;
    positions := ARRAY[v_id];
    SELECT w.versions, w.steps INTO versions, steps FROM move_units(
        v_batch, v_now, 12::int2, positions, '{}', '{}', '{}', '{}', '{}', '{}', '{}', NULL, NULL,
        p_principal, p_request_id, p_trace_id, 'INCOMING', p_reference) w;
    IF p_quantity = 0 THEN
        DELETE FROM incoming WHERE position = v_id AND reference = p_reference COLLATE "C";
    ELSE
        INSERT INTO incoming (position, reference, quantity, expected_at)
            VALUES (v_id, p_reference, p_quantity, p_expected_at)
            ON CONFLICT (position, reference)
            DO UPDATE SET quantity = excluded.quantity, expected_at = excluded.expected_at;
    END IF;
    INSERT INTO stock_commands (key, fingerprint, batch, at, positions, versions, steps)
        VALUES (p_key, p_fingerprint, v_batch, v_now, positions, versions, steps);
END $$;
