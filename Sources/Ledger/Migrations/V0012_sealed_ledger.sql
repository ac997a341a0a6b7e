-- Contract: the chain of seals over everything that is written once.
--
-- A line is what never changes of a row of the ledger or of the audit trail; its digest is the SHA-256
-- of the binary form that Postgres sends of it (record_send), with a number that names its table. A
-- seal covers all lines of the batches first_batch to last_batch; its digest is the SHA-256 of
--     the digest of the seal before it (nothing for the first),
--     record_send of (number, first_batch, last_batch, rows),
--     the digests of its lines, in the order of batch, then digest.
-- Batches are sealed by their numbers, which the sequence gives out in their order. They commit in any
-- order, so only those are sealed whose writers have all ended: whoever got a number holds the shared
-- lock of the shard since before, and lets go of it when what he committed can be seen.
-- marks are the first 8 bytes of each line's digest, batches and counts say how many belong to which
-- batch: they only serve to name the row at fault. until is the latest time of all lines so far.
-- The commit path knows nothing of this: a worker calls seal_ledger now and then.

CREATE TABLE ledger_seals (
    number      int8 PRIMARY KEY,
    first_batch int8 NOT NULL,
    last_batch  int8 NOT NULL,
    rows        int8 NOT NULL,
    until       timestamptz NOT NULL,
    previous    bytea NOT NULL,
    digest      bytea NOT NULL,
    sealed_at   timestamptz NOT NULL,
    batches     int8[] NOT NULL,
    counts      int4[] NOT NULL,
    marks       bytea NOT NULL
);
ALTER TABLE ledger_seals ALTER COLUMN marks SET STORAGE EXTERNAL;
CREATE INDEX ledger_seals_until ON ledger_seals (until, number);
INSERT INTO serving_privileges VALUES ('ledger_seals', 'SELECT');

-- The lines. What may change of a row is left out; the quantities of a reservation are the first ones.
CREATE VIEW ledger_lines AS
SELECT g.batch, g.at,
    sha256(record_send(ROW(1::int2, g.position, g.version, g.step, g.batch, g.at, g.kind,
        g.on_hand_delta, g.held_delta, g.allocated_delta, g.safety_delta, g.damaged_delta,
        g.quality_control_delta, g.in_transit_delta, g.free_after, g.channel, g.channel_safety,
        g.principal, g.request_id, g.trace_id, g.reason, g.reference, g.after))) AS digest,
    format('position_ledger %s version %s step %s',
        (SELECT p.sku || '@' || p.node FROM positions p WHERE p.id = g.position),
        g.version, g.step) AS place
FROM position_ledger g
UNION ALL
SELECT r.batch, r.created_at,
    sha256(record_send(ROW(2::int2, r.key, r.fingerprint, r.shard, r.batch, r.created_at,
        r.first_expires_at, r.positions,
        CASE WHEN r.events = 0 THEN r.quantities ELSE coalesce((
            SELECT c.quantities_before FROM reservation_events c
            WHERE c.key = r.key AND c.kind = 5 ORDER BY c.sequence LIMIT 1), r.quantities) END,
        r.versions, r.owner, r.channel, r.principal, r.request_id, r.trace_id))),
    format('reservations %s', r.key)
FROM reservations r
UNION ALL
SELECT e.batch, e.at,
    sha256(record_send(ROW(3::int2, e.key, e.sequence, e.at, e.kind, e.batch, e.request_key,
        e.fingerprint, e.state, e.expires_at, e.quantities, e.held, e.confirmed, e.principal,
        e.request_id, e.trace_id, e.reason, e.transferred_to, e.order_key, e.quantities_before))),
    format('reservation_events %s sequence %s', e.key, e.sequence)
FROM reservation_events e
UNION ALL
SELECT e.batch, e.at,
    sha256(record_send(ROW(4::int2, e.order_key, e.sequence, e.at, e.kind, e.batch, e.request_key,
        e.fingerprint, e.principal, e.request_id, e.trace_id, e.note, e.numbers, e.quantities,
        -- What never changes of an order goes with the event that placed it, but for the customer: a
        -- name may have to be erased.
        CASE WHEN e.sequence = 1 THEN (
            SELECT record_send(ROW(o.fingerprint, o.reservation, o.channel, o.external_id,
                o.currency, o.total_minor, o.created_at, o.placed_at,
                (SELECT array_agg(l.position ORDER BY l.number) FROM order_lines l
                    WHERE l.order_key = o.key),
                (SELECT array_agg(l.unit_price_minor ORDER BY l.number) FROM order_lines l
                    WHERE l.order_key = o.key)))
            FROM orders o WHERE o.key = e.order_key) END))),
    format('order_events %s sequence %s', e.order_key, e.sequence)
FROM order_events e
UNION ALL
SELECT c.batch, c.at,
    sha256(record_send(ROW(5::int2, c.key, c.fingerprint, c.batch, c.at, c.positions, c.versions,
        c.steps))),
    format('stock_commands %s', c.key)
FROM stock_commands c
UNION ALL
SELECT e.batch, e.at,
    sha256(record_send(ROW(6::int2, e.id, e.sequence, e.at, e.kind, e.batch, e.request_key,
        e.fingerprint, e.principal, e.request_id, e.trace_id, e.note, e.applied, e.version, e.step,
        -- What never changes of a count goes with the event that proposed it.
        CASE WHEN e.sequence = 1 THEN (
            SELECT record_send(ROW(c.position, c.counted, c.counted_at, c.expected, c.difference,
                c.reason, c.reference, c.principal, c.proposed_at))
            FROM stock_counts c WHERE c.id = e.id) END))),
    format('count_events %s sequence %s', e.id, e.sequence)
FROM count_events e;

-- The highest number that a batch can have of which it is decided whether it was committed, together
-- with all before it; null when a writer did not end within p_wait_ms.
CREATE FUNCTION decided_batch(p_wait_ms int4) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE
    v_last int8;
    v_writers text[];
    v_end timestamptz := clock_timestamp() + p_wait_ms * interval '1 millisecond';
BEGIN
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END INTO v_last FROM batches;
    -- Whoever has a number up to v_last is among these, or has ended.
    SELECT array_agg(l.virtualtransaction) INTO v_writers FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.classid = 7301 AND l.objsubid = 2 AND l.granted
        AND l.mode = 'ShareLock' AND l.pid IS DISTINCT FROM pg_backend_pid()
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
    WHILE EXISTS (
        SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.classid = 7301
        AND l.objsubid = 2 AND l.granted AND l.virtualtransaction = ANY (v_writers)
    ) LOOP
        IF clock_timestamp() > v_end THEN
            RETURN NULL;
        END IF;
        PERFORM pg_sleep(0.002);
    END LOOP;
    RETURN v_last;
END $$;

-- Seals what is decided, at most p_batches_max batches in one seal.
-- Out: busy: somebody else seals at this moment. waiting: a writer did not end within p_wait_ms.
--      rows: lines that were sealed. more: there are more batches to seal.
CREATE FUNCTION seal_ledger(
    p_batches_max int4, p_wait_ms int4,
    OUT busy bool, OUT waiting bool, OUT rows int8, OUT more bool
) LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    v_decided int8;
    v_number int8 := 1;
    v_first int8 := 1;
    v_last int8;
    v_until timestamptz := '-infinity';
    v_previous bytea := '';
    v_latest timestamptz;
    v_digests bytea;
    v_marks bytea;
    v_batches int8[];
    v_counts int4[];
BEGIN
    busy := NOT pg_try_advisory_xact_lock(7303, 0);
    waiting := false;
    rows := 0;
    more := false;
    IF busy THEN
        RETURN;
    END IF;
    v_decided := decided_batch(p_wait_ms);
    IF v_decided IS NULL THEN
        waiting := true;
        RETURN;
    END IF;
    SELECT s.number + 1, s.last_batch + 1, s.until, s.digest
        INTO v_number, v_first, v_until, v_previous
        FROM ledger_seals s ORDER BY s.number DESC LIMIT 1;
    IF NOT FOUND THEN
        v_number := 1;
        v_first := 1;
        v_until := '-infinity';
        v_previous := '';
    END IF;
    v_last := least(v_decided, v_first + p_batches_max - 1);
    IF v_last < v_first THEN
        RETURN;
    END IF;
    more := v_last < v_decided;
    WITH lines AS MATERIALIZED (
        SELECT l.batch, l.at, l.digest FROM ledger_lines l
        WHERE l.batch >= v_first AND l.batch <= v_last
        ORDER BY l.batch, l.digest
    ), sizes AS (
        SELECT l.batch, count(*)::int4 AS n FROM lines l GROUP BY l.batch
    )
    SELECT count(*), max(l.at), coalesce(string_agg(l.digest, ''), ''),
        coalesce(string_agg(substr(l.digest, 1, 8), ''), ''),
        (SELECT coalesce(array_agg(s.batch ORDER BY s.batch), '{}') FROM sizes s),
        (SELECT coalesce(array_agg(s.n ORDER BY s.batch), '{}') FROM sizes s)
        INTO rows, v_latest, v_digests, v_marks, v_batches, v_counts FROM lines l;
    -- Numbers that were given out and came to nothing are sealed with what comes after them.
    IF rows = 0 AND NOT more THEN
        RETURN;
    END IF;
    INSERT INTO ledger_seals (number, first_batch, last_batch, rows, until, previous, digest,
            sealed_at, batches, counts, marks)
        VALUES (v_number, v_first, v_last, rows, greatest(v_until, v_latest), v_previous,
            sha256(v_previous || record_send(ROW(v_number, v_first, v_last, rows)) || v_digests),
            clock_timestamp(), v_batches, v_counts, v_marks);
END $$;
DO $$ BEGIN
    EXECUTE format('ALTER FUNCTION seal_ledger(int4, int4) SET search_path = %I, pg_temp',
        current_schema());
END $$;
