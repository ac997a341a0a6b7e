-- Contract: the network that orders are routed over, by version: nodes, carriers' services, places,
-- and the slots of the days that lie ahead with their capacity, which is stock like any other.
--
-- A row holds from version since up to version until, which is the first without it. Rows are never
-- changed but for until, so that the network at any version can be read as it was.
-- Lock order: key of the command, network (7304), shard, positions by id.

-- Each change makes the next version. kinds: 1 documents were put, 2 a node's status, 3 the capacity
-- of a slot, 4 slots of the next day. changes: what it did, in words.
CREATE TABLE network_versions (
    version    int8 PRIMARY KEY,
    batch      int8 NOT NULL,
    at         timestamptz NOT NULL,
    kind       int2 NOT NULL,
    changes    text[] NOT NULL,
    note       text NOT NULL,
    principal  text NOT NULL,
    request_id text NOT NULL,
    trace_id   text NOT NULL
);
CREATE INDEX network_versions_batch ON network_versions (batch);

-- The version that a command led to; it may have changed nothing (changes 0).
CREATE TABLE network_commands (
    key         uuid PRIMARY KEY,
    fingerprint uuid NOT NULL,
    version     int8 NOT NULL,
    changes     int4 NOT NULL
);

-- kinds: 1 node, 2 service, 3 place, 4 the currency (its name is empty). document: canonical JSON;
-- the same text means the same. status is that of a node: 1 open, 2 draining, 3 closed.
CREATE TABLE network_items (
    kind     int2 NOT NULL,
    name     text COLLATE "C" NOT NULL,
    since    int8 NOT NULL,
    until    int8 NOT NULL DEFAULT 9223372036854775807,
    status   int2 NOT NULL DEFAULT 0,
    document text NOT NULL,
    PRIMARY KEY (kind, name, since)
);
CREATE INDEX network_items_until ON network_items (until, kind, name);
CREATE UNIQUE INDEX network_items_current ON network_items (kind, name)
    WHERE until = 9223372036854775807;

-- A window of a node's local day, number counting from 0. cutoffs: when each lane of the node is
-- fetched on that day, in the order of its document. orders, units: what it takes; null: without
-- limit, and then without a position. by_hand: the capacity was set for this slot alone.
CREATE TABLE network_slots (
    node            text COLLATE "C" NOT NULL,
    day             date NOT NULL,
    number          int2 NOT NULL,
    since           int8 NOT NULL,
    until           int8 NOT NULL DEFAULT 9223372036854775807,
    opens_at        timestamptz NOT NULL,
    closes_at       timestamptz NOT NULL CHECK (closes_at > opens_at),
    cutoffs         timestamptz[] NOT NULL,
    orders          int8,
    units           int8,
    by_hand         bool NOT NULL,
    orders_position int8 REFERENCES positions,
    units_position  int8 REFERENCES positions,
    PRIMARY KEY (node, day, number, since)
);
CREATE INDEX network_slots_until ON network_slots (until, node, day, number);
CREATE UNIQUE INDEX network_slots_current ON network_slots (node, day, number)
    WHERE until = 9223372036854775807;

INSERT INTO serving_privileges VALUES
    ('network_versions', 'SELECT, INSERT'),
    ('network_commands', 'SELECT, INSERT'),
    ('network_items', 'SELECT, INSERT, UPDATE (until)'),
    ('network_slots', 'SELECT, INSERT, UPDATE (until)');

-- Seals cover what changed the network.
DO $$ BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW ledger_lines AS '
        || rtrim(pg_get_viewdef('ledger_lines'::regclass), ';') || $view$
    UNION ALL
    SELECT n.batch, n.at,
        sha256(record_send(ROW(7::int2, n.version, n.batch, n.at, n.kind, n.changes, n.note,
            n.principal, n.request_id, n.trace_id,
            (SELECT array_agg(ROW(i.kind, i.name, i.status, i.document)::text
                ORDER BY i.kind, i.name) FROM network_items i WHERE i.since = n.version)))),
        format('network_versions %s', n.version)
    FROM network_versions n $view$;
END $$;
CREATE INDEX network_items_since ON network_items (since);

-- The SKU under which the orders or units (p_what) of a slot are stock of its node.
CREATE FUNCTION capacity_sku(p_what text, p_day date, p_number int2) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT format('@%s/%s/%s', p_what, to_char(p_day, 'YYYY-MM-DD'), p_number)
$$;

-- The slots that the current documents of some nodes (null: of all) make for p_days days from p_now
-- on, without positions; p_last are their slots as they are. A slot that has opened stays as it is,
-- but for its cut-offs, until it is two days old; so does a capacity that was set by hand. Hours that
-- the clock skips (summer time) are none.
CREATE FUNCTION wanted_slots(
    p_version int8, p_now timestamptz, p_days int4, p_nodes text[], p_last network_slots[]
) RETURNS network_slots[] LANGUAGE sql STABLE
SET enable_hashjoin = on SET enable_mergejoin = on AS $$
    WITH node AS (
        SELECT i.name, i.document::jsonb AS document, i.document::jsonb ->> 'time_zone' AS zone
        FROM network_items i
        WHERE i.kind = 1 AND i.until = 9223372036854775807
            AND (p_nodes IS NULL OR i.name = ANY (p_nodes))
    ), day AS (
        SELECT n.name, n.zone, n.document, (p_now AT TIME ZONE n.zone)::date + k AS day, k
        FROM node n CROSS JOIN generate_series(-1, p_days - 1) AS k
    ), dated AS (
        SELECT d.*, ARRAY(
            SELECT (d.day + (l.lane ->> 'cutoff')::interval) AT TIME ZONE d.zone
            FROM jsonb_array_elements(d.document -> 'lanes') WITH ORDINALITY AS l(lane, n)
            ORDER BY l.n) AS cutoffs,
            (SELECT e.item -> 'windows'
                FROM jsonb_array_elements(d.document -> 'exceptions') AS e(item)
                WHERE e.item ->> 'date' = to_char(d.day, 'YYYY-MM-DD')) AS exception
        FROM day d
    ), open AS (
        -- What is under way, or over since a moment.
        SELECT d.name, d.day, s.number, s.opens_at, s.closes_at, d.cutoffs, s.orders, s.units,
            s.by_hand
        FROM unnest(p_last) AS s JOIN dated d ON d.name = s.node AND d.day = s.day
        WHERE s.opens_at <= p_now
    ), calendar AS (
        SELECT d.name, d.day, d.cutoffs,
            (row_number() OVER (PARTITION BY d.name, d.day ORDER BY w.item ->> 'opens') - 1)::int2
                AS number,
            (d.day + (w.item ->> 'opens')::interval) AT TIME ZONE d.zone AS opens_at,
            (d.day + (w.item ->> 'closes')::interval) AT TIME ZONE d.zone AS closes_at,
            (w.item ->> 'orders')::int8 AS orders, (w.item ->> 'units')::int8 AS units
        FROM dated d CROSS JOIN LATERAL jsonb_array_elements(
            coalesce(d.exception, d.document -> 'calendar')) AS w(item)
        WHERE d.k >= 0
            AND (d.exception IS NOT NULL OR jsonb_exists(w.item -> 'days', to_char(d.day, 'DY')))
    ), ahead AS (
        SELECT c.name, c.day, c.number, c.opens_at, c.closes_at, c.cutoffs,
            CASE WHEN s.by_hand THEN s.orders ELSE c.orders END AS orders,
            CASE WHEN s.by_hand THEN s.units ELSE c.units END AS units,
            coalesce(s.by_hand, false) AS by_hand
        FROM calendar c LEFT JOIN unnest(p_last) AS s
            ON s.node = c.name AND s.day = c.day AND s.number = c.number
        WHERE c.closes_at > p_now AND c.closes_at > c.opens_at AND NOT EXISTS (
            SELECT FROM open o WHERE o.name = c.name AND o.day = c.day
                AND (o.number = c.number
                    OR (o.opens_at < c.closes_at AND c.opens_at < o.closes_at)))
    )
    SELECT coalesce(array_agg(ROW(u.name, u.day, u.number, p_version, 9223372036854775807::int8,
        u.opens_at, u.closes_at, u.cutoffs, u.orders, u.units, u.by_hand, NULL::int8,
        NULL::int8)::network_slots), '{}')
    FROM (SELECT * FROM open UNION ALL SELECT * FROM ahead) u
$$;

-- Puts the slots p_next in the place of p_last, from p_version on, and sets the capacity positions
-- accordingly. A position's capacity is what is on hand less safety: lowered below what is promised,
-- safety takes the difference, free goes below zero, and nobody loses what was acknowledged.
-- Capacity is changed by the difference of the two, since what was used up is on hand no more.
-- Takes the locks of the positions, then a batch. Out: changed: slots that are other than they were;
-- positions, versions, steps: the ledger rows.
CREATE FUNCTION put_slots(
    p_version int8, p_now timestamptz, p_last network_slots[], p_next network_slots[],
    p_principal text, p_request_id text, p_trace_id text,
    OUT changed int4, OUT batch int8, OUT at timestamptz,
    OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql SET enable_hashjoin = on SET enable_mergejoin = on AS $$
#variable_conflict use_column
DECLARE
    v_next network_slots[];
    v_deltas int8[];
    v_on_hand int8[];
    v_safety int8[];
BEGIN
    INSERT INTO positions (sku, node)
        SELECT c.sku, c.node FROM (
            SELECT capacity_sku('orders', s.day, s.number) AS sku, s.node FROM unnest(p_next) AS s
                WHERE s.orders IS NOT NULL
            UNION ALL
            SELECT capacity_sku('units', s.day, s.number), s.node FROM unnest(p_next) AS s
                WHERE s.units IS NOT NULL
        ) c
        WHERE NOT EXISTS (SELECT FROM positions p WHERE p.sku = c.sku AND p.node = c.node)
        ORDER BY c.node, c.sku
        ON CONFLICT DO NOTHING;
    SELECT coalesce(array_agg(ROW(s.node, s.day, s.number, s.since, s.until, s.opens_at,
            s.closes_at, s.cutoffs, s.orders, s.units, s.by_hand, o.id, u.id)::network_slots), '{}')
        INTO v_next
        FROM unnest(p_next) AS s
        LEFT JOIN positions o ON s.orders IS NOT NULL AND o.node = s.node
            AND o.sku = capacity_sku('orders', s.day, s.number)
        LEFT JOIN positions u ON s.units IS NOT NULL AND u.node = s.node
            AND u.sku = capacity_sku('units', s.day, s.number);

    WITH last AS (
        -- What is over keeps its figures.
        SELECT s.orders_position AS id, s.orders AS capacity FROM unnest(p_last) AS s
            WHERE s.orders IS NOT NULL AND s.closes_at > p_now
        UNION ALL
        SELECT s.units_position, s.units FROM unnest(p_last) AS s
            WHERE s.units IS NOT NULL AND s.closes_at > p_now
    ), next AS (
        SELECT s.orders_position AS id, s.orders AS capacity FROM unnest(v_next) AS s
            WHERE s.orders IS NOT NULL AND s.closes_at > p_now
        UNION ALL
        SELECT s.units_position, s.units FROM unnest(v_next) AS s
            WHERE s.units IS NOT NULL AND s.closes_at > p_now
    ), change AS (
        SELECT id, coalesce(n.capacity, 0) - coalesce(l.capacity, 0) AS delta
        FROM last l FULL JOIN next n USING (id)
    )
    SELECT coalesce(array_agg(c.id ORDER BY c.id), '{}'),
        coalesce(array_agg(c.delta ORDER BY c.id), '{}')
        INTO positions, v_deltas FROM change c WHERE c.delta <> 0;
    PERFORM 1 FROM positions p WHERE p.id = ANY (positions) ORDER BY p.id FOR NO KEY UPDATE;
    SELECT array_agg(greatest(p.on_hand - p.safety + d.delta,
                p.held + p.allocated + p.damaged + p.quality_control) - p.on_hand ORDER BY d.n),
        array_agg(greatest(p.on_hand - p.safety + d.delta,
                p.held + p.allocated + p.damaged + p.quality_control)
            - (p.on_hand - p.safety + d.delta) - p.safety ORDER BY d.n)
        INTO v_on_hand, v_safety
        FROM unnest(positions, v_deltas) WITH ORDINALITY AS d(id, delta, n)
        JOIN positions p ON p.id = d.id;

    batch := nextval('batches');
    at := clock_timestamp();
    IF cardinality(positions) = 0 THEN
        versions := '{}';
        steps := '{}';
    ELSE
        SELECT m.versions, m.steps INTO versions, steps FROM move_units(batch, at, 9::int2,
            positions, v_on_hand, NULL, NULL, v_safety, NULL, NULL, NULL, NULL, NULL,
            p_principal, p_request_id, p_trace_id, 'CAPACITY',
            format('network version %s', p_version)) m;
    END IF;

    UPDATE network_slots s SET until = p_version
        FROM unnest(p_last) AS l
        WHERE s.node = l.node AND s.day = l.day AND s.number = l.number AND s.since = l.since
            AND NOT EXISTS (
                SELECT FROM unnest(v_next) AS n
                WHERE n.node = l.node AND n.day = l.day AND n.number = l.number
                    AND same_slot(n, l));
    GET DIAGNOSTICS changed = ROW_COUNT;
    WITH added AS (
        INSERT INTO network_slots SELECT n.* FROM unnest(v_next) AS n
            WHERE NOT EXISTS (
                SELECT FROM unnest(p_last) AS l
                WHERE n.node = l.node AND n.day = l.day AND n.number = l.number
                    AND same_slot(n, l))
            RETURNING 1
    )
    SELECT changed + count(*) INTO changed FROM added;
END $$;

-- Whether two slots are the same but for the versions that they hold for.
CREATE FUNCTION same_slot(a network_slots, b network_slots) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
    SELECT (a.opens_at, a.closes_at, a.cutoffs, a.orders, a.units, a.by_hand)
        IS NOT DISTINCT FROM (b.opens_at, b.closes_at, b.cutoffs, b.orders, b.units, b.by_hand)
$$;

-- The current slots of some nodes; null: of all.
CREATE FUNCTION current_slots(p_nodes text[]) RETURNS network_slots[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(s), '{}') FROM network_slots s
    WHERE s.until = 9223372036854775807 AND (p_nodes IS NULL OR s.node = ANY (p_nodes))
$$;

-- What network_commands knows of a key: outcome 2 (the same body) or 3, or null for a new one. Takes
-- the locks of the key and of the network, and the shard's; version is the current one for a new key.
CREATE FUNCTION begin_network_command(
    p_key uuid, p_fingerprint uuid,
    OUT epoch int8, OUT outcome int2, OUT version int8, OUT changes int4
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT CASE WHEN c.fingerprint = p_fingerprint THEN 2 ELSE 3 END, c.version, c.changes
        INTO outcome, version, changes FROM network_commands c WHERE c.key = p_key;
    IF FOUND THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(7304, 0);
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    SELECT coalesce(max(n.version), 0) INTO version FROM network_versions n;
END $$;

-- Puts documents. In: p_expected: the version that they were checked against. Per item: kind, name,
-- document (null: it is removed), status of a node (0: as it is, or open when it is new).
-- Out: epoch; outcome: 1 done, 2 done before, 3 same key with another body, 4 the network is at
-- another version by now; version after it; changes: items and slots that are other than they were;
-- positions, versions, steps: the ledger rows written.
CREATE FUNCTION put_network(
    p_key uuid, p_fingerprint uuid, p_expected int8, p_now timestamptz, p_days int4,
    p_kinds int2[], p_names text[], p_documents text[], p_statuses int2[], p_note text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT version int8, OUT changes int4,
    OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c_names CONSTANT text[] := '{node,service,place,currency}';
    v_version int8;
    v_words text[] := '{}';
    v_nodes text[] := '{}';
    v_item record;
    v_slots record;
BEGIN
    positions := '{}';
    versions := '{}';
    steps := '{}';
    SELECT b.epoch, b.outcome, b.version, b.changes INTO epoch, outcome, version, changes
        FROM begin_network_command(p_key, p_fingerprint) b;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    IF version <> p_expected THEN
        outcome := 4;
        RETURN;
    END IF;
    v_version := version + 1;
    FOR v_item IN
        SELECT u.kind, u.name, u.document, i.document AS last, i.status AS last_status,
            CASE WHEN u.kind <> 1 THEN 0 WHEN u.status <> 0 THEN u.status
                ELSE coalesce(i.status, 1) END::int2 AS status
        FROM unnest(p_kinds, p_names, p_documents, p_statuses) AS u(kind, name, document, status)
        LEFT JOIN network_items i ON i.kind = u.kind AND i.name = u.name
            AND i.until = 9223372036854775807
        WHERE u.document IS DISTINCT FROM i.document
            OR (u.document IS NOT NULL AND u.kind = 1 AND u.status NOT IN (0, i.status))
        ORDER BY u.kind, u.name
    LOOP
        UPDATE network_items i SET until = v_version
            WHERE i.kind = v_item.kind AND i.name = v_item.name AND i.until = 9223372036854775807;
        IF v_item.document IS NOT NULL THEN
            INSERT INTO network_items (kind, name, since, status, document)
            VALUES (v_item.kind, v_item.name, v_version, v_item.status, v_item.document);
        END IF;
        IF v_item.kind = 1 AND v_item.document IS DISTINCT FROM v_item.last THEN
            v_nodes := v_nodes || v_item.name;
        END IF;
        v_words := v_words || format('%s %s %s', c_names[v_item.kind],
            CASE WHEN v_item.kind = 4 THEN coalesce(v_item.document, '') ELSE v_item.name END,
            CASE WHEN v_item.document IS NULL THEN 'removed' WHEN v_item.last IS NULL THEN 'added'
                ELSE 'changed' END);
    END LOOP;
    changes := cardinality(v_words);
    outcome := 1;
    IF changes > 0 THEN
        SELECT * INTO v_slots FROM put_slots(v_version, p_now, current_slots(v_nodes),
            wanted_slots(v_version, p_now, p_days, v_nodes, current_slots(v_nodes)),
            p_principal, p_request_id, p_trace_id);
        version := v_version;
        positions := v_slots.positions;
        versions := v_slots.versions;
        steps := v_slots.steps;
        IF v_slots.changed > 0 THEN
            v_words := v_words || format('%s slots', v_slots.changed);
        END IF;
        INSERT INTO network_versions VALUES (v_version, v_slots.batch, v_slots.at, 1, v_words,
            p_note, p_principal, p_request_id, p_trace_id);
    END IF;
    INSERT INTO network_commands VALUES (p_key, p_fingerprint, version, changes);
END $$;

-- Opens (1), drains (2) or closes (3) a node. Out: as put_network has it, and outcome 7: there is no
-- such node.
CREATE FUNCTION set_node_status(
    p_key uuid, p_fingerprint uuid, p_node text, p_status int2, p_note text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT outcome int2, OUT version int8, OUT changes int4
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c_names CONSTANT text[] := '{OPEN,DRAINING,CLOSED}';
    v_last network_items%ROWTYPE;
BEGIN
    SELECT b.outcome, b.version, b.changes INTO outcome, version, changes
        FROM begin_network_command(p_key, p_fingerprint) b;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO v_last FROM network_items i
        WHERE i.kind = 1 AND i.name = p_node AND i.until = 9223372036854775807;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    outcome := 1;
    changes := (v_last.status <> p_status)::int4;
    IF changes > 0 THEN
        version := version + 1;
        UPDATE network_items i SET until = version
            WHERE i.kind = 1 AND i.name = p_node AND i.since = v_last.since;
        INSERT INTO network_items (kind, name, since, status, document)
        VALUES (1, p_node, version, p_status, v_last.document);
        INSERT INTO network_versions VALUES (version, nextval('batches'), clock_timestamp(), 2,
            ARRAY[format('node %s %s, was %s', p_node, c_names[p_status], c_names[v_last.status])],
            p_note, p_principal, p_request_id, p_trace_id);
    END IF;
    INSERT INTO network_commands VALUES (p_key, p_fingerprint, version, changes);
END $$;

-- Sets the capacity of one slot (null: without limit), or gives it back to the calendar (p_reset).
-- Out: as put_network has it, and outcome 7: there is no such slot (any more); 8: it is over.
CREATE FUNCTION set_slot_capacity(
    p_key uuid, p_fingerprint uuid, p_now timestamptz, p_days int4,
    p_node text, p_day date, p_number int2, p_orders int8, p_units int8, p_reset bool, p_note text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT version int8, OUT changes int4,
    OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_last network_slots;
    v_next network_slots;
    v_slots record;
BEGIN
    positions := '{}';
    versions := '{}';
    steps := '{}';
    SELECT b.epoch, b.outcome, b.version, b.changes INTO epoch, outcome, version, changes
        FROM begin_network_command(p_key, p_fingerprint) b;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO v_last FROM network_slots s WHERE s.node = p_node AND s.day = p_day
        AND s.number = p_number AND s.until = 9223372036854775807;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    IF v_last.closes_at <= p_now THEN
        outcome := 8;
        RETURN;
    END IF;
    v_next := v_last;
    v_next.since := version + 1;
    v_next.by_hand := NOT p_reset;
    v_next.orders := p_orders;
    v_next.units := p_units;
    IF p_reset THEN
        -- What the calendar says of it, as if it had not opened; a window that is gone keeps what it has.
        SELECT s.orders, s.units INTO v_next.orders, v_next.units
            FROM unnest(wanted_slots(version + 1, least(p_now, v_last.opens_at - interval '1 second'),
                p_days, ARRAY[p_node], '{}')) AS s
            WHERE s.day = p_day AND s.number = p_number;
        IF NOT FOUND THEN
            v_next.orders := v_last.orders;
            v_next.units := v_last.units;
        END IF;
    END IF;
    outcome := 1;
    changes := (NOT same_slot(v_last, v_next))::int4;
    IF changes > 0 THEN
        version := version + 1;
        SELECT * INTO v_slots FROM put_slots(version, p_now, ARRAY[v_last], ARRAY[v_next],
            p_principal, p_request_id, p_trace_id);
        positions := v_slots.positions;
        versions := v_slots.versions;
        steps := v_slots.steps;
        INSERT INTO network_versions VALUES (version, v_slots.batch, v_slots.at, 3,
            ARRAY[format('slot %s %s/%s orders %s units %s, was orders %s units %s', p_node, p_day,
                p_number, coalesce(v_next.orders::text, 'any'), coalesce(v_next.units::text, 'any'),
                coalesce(v_last.orders::text, 'any'), coalesce(v_last.units::text, 'any'))],
            p_note, p_principal, p_request_id, p_trace_id);
    END IF;
    INSERT INTO network_commands VALUES (p_key, p_fingerprint, version, changes);
END $$;

-- Lays the slots of the days that have come within p_days of p_now. Several servers do it: whoever
-- finds another one at it leaves it to that one (busy). Out: changed: slots that are other.
CREATE FUNCTION extend_slots(
    p_now timestamptz, p_days int4, p_principal text,
    OUT epoch int8, OUT busy bool, OUT version int8, OUT changed int4,
    OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql SET enable_hashjoin = on SET enable_mergejoin = on AS $$
#variable_conflict use_column
DECLARE
    v_last network_slots[];
    v_next network_slots[];
    v_slots record;
BEGIN
    positions := '{}';
    versions := '{}';
    steps := '{}';
    changed := 0;
    busy := NOT pg_try_advisory_xact_lock(7304, 0);
    IF busy THEN
        RETURN;
    END IF;
    SELECT coalesce(max(n.version), 0) INTO version FROM network_versions n;
    v_last := current_slots(NULL);
    v_next := wanted_slots(version + 1, p_now, p_days, NULL, v_last);
    SELECT count(*) INTO changed
        FROM unnest(v_last) AS l FULL JOIN unnest(v_next) AS n
            ON n.node = l.node AND n.day = l.day AND n.number = l.number
        WHERE l.node IS NULL OR n.node IS NULL OR NOT same_slot(l, n);
    IF changed = 0 THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    version := version + 1;
    SELECT * INTO v_slots FROM put_slots(version, p_now, v_last, v_next, p_principal, '', '');
    positions := v_slots.positions;
    versions := v_slots.versions;
    steps := v_slots.steps;
    INSERT INTO network_versions VALUES (version, v_slots.batch, v_slots.at, 4,
        ARRAY[format('%s slots', v_slots.changed)], '', p_principal, '', '');
END $$;
