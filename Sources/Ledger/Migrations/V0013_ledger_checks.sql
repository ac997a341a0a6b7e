-- Contract: checks of the ledger and the rebuilding of any moment. All of it only reads; each call
-- looks at a part, in one statement and so at one snapshot, and says where the next one goes on.

-- Checks the seals after p_after, in their order, until p_rows_max lines were digested again (at least
-- one seal). One row with a null fault for each seal checked, and one for each thing that is wrong, at
-- most 20 for each seal. faults: 1 the chain is broken, 2 the seal was changed, 3 a row was changed,
-- 4 removed, 5 added.
CREATE FUNCTION check_seals(p_after int8, p_rows_max int8)
RETURNS TABLE (
    number int8, rows int8, digest bytea, fault int2, batch int8, place text, detail text
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    v_before ledger_seals;
    s ledger_seals;
    v_read int8 := 0;
    v_digests bytea;
    v_rows int8;
    v_found int4;
BEGIN
    SELECT * INTO v_before FROM ledger_seals l WHERE l.number = p_after;
    FOR s IN SELECT * FROM ledger_seals l WHERE l.number > p_after ORDER BY l.number LOOP
        place := 'ledger_seals ' || s.number;
        IF s.number <> coalesce(v_before.number, 0) + 1
            OR s.first_batch <> coalesce(v_before.last_batch, 0) + 1
            OR s.previous <> coalesce(v_before.digest, '') THEN
            RETURN QUERY SELECT s.number, 0::int8, s.digest, 1::int2, s.first_batch, place, format(
                'follows seal %s, which ends at batch %s with %s; it begins at %s after %s',
                coalesce(v_before.number, 0), coalesce(v_before.last_batch, 0),
                coalesce(nullif(encode(v_before.digest, 'hex'), ''), 'nothing'), s.first_batch,
                coalesce(nullif(encode(s.previous, 'hex'), ''), 'nothing'));
        END IF;
        SELECT count(*), coalesce(string_agg(l.digest, ''), '') INTO v_rows, v_digests
            FROM (
                SELECT l.digest FROM ledger_lines l
                WHERE l.batch >= s.first_batch AND l.batch <= s.last_batch
                ORDER BY l.batch, l.digest
            ) l;
        RETURN QUERY SELECT s.number, v_rows, s.digest, NULL::int2, NULL::int8, NULL, NULL;
        IF s.digest <> sha256(s.previous
            || record_send(ROW(s.number, s.first_batch, s.last_batch, s.rows)) || v_digests) THEN
            RETURN QUERY SELECT s.number, 0::int8, s.digest, f.fault, f.batch, f.place, f.detail
                FROM differing_lines(s.number) f LIMIT 20;
            GET DIAGNOSTICS v_found = ROW_COUNT;
            IF v_found = 0 THEN
                RETURN QUERY SELECT s.number, 0::int8, s.digest, 2::int2, s.first_batch, place,
                    format('%s lines of the batches %s to %s do not have its digest', v_rows,
                        s.first_batch, s.last_batch);
            END IF;
        END IF;
        v_before := s;
        v_read := v_read + v_rows;
        EXIT WHEN v_read >= p_rows_max;
    END LOOP;
END $$;

-- The lines in which a seal and the tables differ, found by the marks.
CREATE FUNCTION differing_lines(p_number int8)
RETURNS TABLE (fault int2, batch int8, place text, detail text) LANGUAGE sql STABLE AS $$
    WITH sealed AS (
        SELECT s.first_batch, s.last_batch, s.marks, b.batch, b.n,
            sum(b.n) OVER (ORDER BY b.batch) - b.n AS before
        FROM ledger_seals s CROSS JOIN unnest(s.batches, s.counts) AS b(batch, n)
        WHERE s.number = p_number
    ), had AS (
        SELECT s.batch, substr(s.marks, (8 * (s.before + i) + 1)::int4, 8) AS mark
        FROM sealed s CROSS JOIN generate_series(0, s.n - 1) AS i
    ), has AS (
        SELECT l.batch, substr(l.digest, 1, 8) AS mark, l.place FROM ledger_lines l
        WHERE l.batch >= (SELECT q.first_batch FROM ledger_seals q WHERE q.number = p_number)
        AND l.batch <= (SELECT q.last_batch FROM ledger_seals q WHERE q.number = p_number)
    ), missing AS (
        SELECT h.batch, count(*) AS n FROM had h
        WHERE NOT EXISTS (SELECT FROM has x WHERE x.batch = h.batch AND x.mark = h.mark)
        GROUP BY h.batch
    ), extra AS (
        SELECT x.batch, x.place, row_number() OVER (PARTITION BY x.batch ORDER BY x.place) AS n
        FROM has x
        WHERE NOT EXISTS (SELECT FROM had h WHERE h.batch = x.batch AND h.mark = x.mark)
    ), counted AS (
        SELECT e.batch, count(*) AS n FROM extra e GROUP BY e.batch
    )
    SELECT (CASE WHEN e.n <= coalesce(m.n, 0) THEN 3 ELSE 5 END)::int2, e.batch, e.place,
        CASE WHEN e.n <= coalesce(m.n, 0) THEN 'is not what was sealed'
            ELSE 'was not there when its batch was sealed' END
    FROM extra e LEFT JOIN missing m ON m.batch = e.batch
    UNION ALL
    SELECT 4::int2, m.batch, format('batch %s', m.batch),
        format('%s of its lines are gone; there are: %s', m.n - coalesce(c.n, 0), coalesce((
            SELECT string_agg(x.place, ', ' ORDER BY x.place) FROM (
                SELECT x.place FROM has x WHERE x.batch = m.batch ORDER BY x.place LIMIT 5) x), 'none'))
    FROM missing m LEFT JOIN counted c ON c.batch = m.batch
    WHERE m.n > coalesce(c.n, 0)
    ORDER BY 2, 1, 3
$$;

-- What is not sealed yet, and at most 20 lines whose batch was never given out. The sequence is read
-- later than the snapshot is taken, so nobody's fresh batch is among them.
CREATE FUNCTION unsealed_lines(OUT rows int8, OUT since timestamptz, OUT strangers text[])
LANGUAGE sql STABLE AS $$
    SELECT u.n, u.since, ARRAY(
        SELECT l.place FROM ledger_lines l WHERE l.batch < 1
        UNION ALL
        SELECT l.place FROM ledger_lines l
        WHERE l.batch > (SELECT CASE WHEN b.is_called THEN b.last_value ELSE 0 END FROM batches b)
        LIMIT 20)
    FROM (
        SELECT count(*) AS n, min(l.at) AS since FROM ledger_lines l
        WHERE l.batch > coalesce((SELECT max(s.last_batch) FROM ledger_seals s), 0)
    ) u
$$;

-- Checks the p_limit positions after p_after: one row each, with the lines of its ledger. faults run
-- parallel to places and details: 6 a version or step is missing, 7 free does not follow, 8 a balance
-- is not the sum of the ledger.
CREATE FUNCTION check_positions(p_after int8, p_limit int4)
RETURNS TABLE (
    id int8, rows int8, faults int2[], places text[], details text[]
) LANGUAGE sql STABLE AS $$
    SELECT p.id, f.n, w.faults, w.places, w.details
    FROM (SELECT * FROM positions q WHERE q.id > p_after ORDER BY q.id LIMIT p_limit) p
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, coalesce(max(g.version), 0) AS version,
            coalesce(max(g.step) FILTER (WHERE g.version = p.version), 0) AS step,
            coalesce(sum(g.on_hand_delta), 0) AS on_hand, coalesce(sum(g.held_delta), 0) AS held,
            coalesce(sum(g.allocated_delta), 0) AS allocated,
            coalesce(sum(g.safety_delta), 0) AS safety,
            coalesce(sum(g.damaged_delta), 0) AS damaged,
            coalesce(sum(g.quality_control_delta), 0) AS quality_control,
            coalesce(sum(g.in_transit_delta), 0) AS in_transit,
            (array_agg(ARRAY[g.version, g.step] ORDER BY g.version, g.step) FILTER (WHERE NOT (
                g.version = coalesce(g.version_before, 0) + 1 AND g.step = 0
                OR g.version = coalesce(g.version_before, 0)
                    AND g.step = coalesce(g.step_before, 0) + 1)))[1:1] AS gap,
            (array_agg(ARRAY[g.version, g.step, g.free_after, g.follows]
                ORDER BY g.version, g.step) FILTER (WHERE g.free_after <> g.follows))[1:1] AS free
        FROM (
            SELECT l.*, lag(l.version) OVER w AS version_before, lag(l.step) OVER w AS step_before,
                coalesce(lag(l.free_after) OVER w, 0) + l.on_hand_delta - l.held_delta
                    - l.allocated_delta - l.safety_delta - l.damaged_delta
                    - l.quality_control_delta AS follows
            FROM position_ledger l WHERE l.position = p.id
            WINDOW w AS (ORDER BY l.version, l.step)
        ) g
    ) f
    CROSS JOIN LATERAL (
        SELECT array_agg(x.fault ORDER BY x.fault) AS faults,
            array_agg(x.place ORDER BY x.fault) AS places,
            array_agg(x.detail ORDER BY x.fault) AS details
        FROM (
            SELECT 6::int2 AS fault, format('position_ledger %s@%s version %s step %s',
                p.sku, p.node, f.gap[1][1], f.gap[1][2]) AS place,
                'the row before it is missing' AS detail
            WHERE f.gap IS NOT NULL
            UNION ALL
            SELECT 6::int2, format('positions %s@%s', p.sku, p.node),
                format('is at version %s step %s, its ledger ends at version %s step %s',
                    p.version, p.step, f.version, f.step)
            WHERE (p.version, p.step) <> (f.version, f.step)
            UNION ALL
            SELECT 7::int2, format('position_ledger %s@%s version %s step %s',
                p.sku, p.node, f.free[1][1], f.free[1][2]),
                format('says that %s are free, the rows up to it make %s', f.free[1][3], f.free[1][4])
            WHERE f.free IS NOT NULL
            UNION ALL
            SELECT 8::int2, format('positions %s@%s', p.sku, p.node),
                format('%s is %s, its ledger makes %s', b.name, b.has, b.folds)
            FROM (VALUES
                ('on_hand', p.on_hand, f.on_hand), ('held', p.held, f.held),
                ('allocated', p.allocated, f.allocated), ('safety', p.safety, f.safety),
                ('damaged', p.damaged, f.damaged),
                ('quality_control', p.quality_control, f.quality_control),
                ('in_transit', p.in_transit, f.in_transit)
            ) AS b(name, has, folds) WHERE b.has <> b.folds
        ) x
    ) w
    ORDER BY p.id
$$;

-- What reservation p_key was when all batches up to p_batch were done; no row: it was not there yet.
CREATE FUNCTION reservation_as_of(p_key uuid, p_batch int8)
RETURNS TABLE (
    state int2, expires_at timestamptz, quantities int8[], held int8[], confirmed int8[],
    transferred_to uuid, order_key uuid, events int4
) LANGUAGE sql STABLE AS $$
    SELECT coalesce(e.state, 1::int2), coalesce(e.expires_at, r.first_expires_at),
        coalesce(e.quantities, f.quantities), coalesce(e.held, f.quantities),
        coalesce(e.confirmed, array_fill(0::int8, ARRAY[cardinality(r.positions)])),
        (SELECT t.transferred_to FROM reservation_events t
            WHERE t.key = r.key AND t.batch <= p_batch AND t.transferred_to IS NOT NULL LIMIT 1),
        (SELECT t.order_key FROM reservation_events t
            WHERE t.key = r.key AND t.batch <= p_batch AND t.order_key IS NOT NULL LIMIT 1),
        coalesce(e.sequence, 0)
    FROM reservations r
    CROSS JOIN LATERAL (
        SELECT coalesce((SELECT c.quantities_before FROM reservation_events c
            WHERE c.key = r.key AND c.kind = 5 ORDER BY c.sequence LIMIT 1), r.quantities)
            AS quantities
    ) f
    LEFT JOIN LATERAL (
        SELECT * FROM reservation_events c WHERE c.key = r.key AND c.batch <= p_batch
        ORDER BY c.sequence DESC LIMIT 1
    ) e ON true
    WHERE r.key = p_key AND r.batch <= p_batch
$$;

-- Checks the p_limit reservations after p_after: one row each; fault 9, with what is wrong.
CREATE FUNCTION check_reservations(p_after uuid, p_limit int4)
RETURNS TABLE (key uuid, batch int8, rows int8, detail text) LANGUAGE sql STABLE AS $$
    SELECT r.key, r.batch, 1 + n.n, CASE
        WHEN n.n <> r.events OR n.last <> r.events THEN
            format('has %s events, its trail has %s up to number %s', r.events, n.n, n.last)
        WHEN (r.state, r.expires_at, r.quantities, r.held, r.confirmed)
            IS DISTINCT FROM (a.state, a.expires_at, a.quantities, a.held, a.confirmed)
            OR r.transferred_to IS DISTINCT FROM a.transferred_to
            OR r.order_key IS DISTINCT FROM a.order_key THEN
            format('is in state %s with %s of %s held and %s confirmed, '
                'its events make state %s with %s of %s held and %s confirmed',
                r.state, r.held, r.quantities, r.confirmed,
                a.state, a.held, a.quantities, a.confirmed)
        END
    FROM (
        SELECT * FROM reservations q WHERE p_after IS NULL OR q.key > p_after
        ORDER BY q.key LIMIT p_limit
    ) r
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, coalesce(max(e.sequence), 0) AS last
        FROM reservation_events e WHERE e.key = r.key
    ) n
    LEFT JOIN LATERAL reservation_as_of(r.key, 9223372036854775807) a ON true
    ORDER BY r.key
$$;

-- The last batch of moment p_at: the last one before the first, in the order of their numbers, that was
-- written after it. Whatever the clock did, that is a state in which no row is without those that it
-- followed from, and it is the same for ever: every batch that could come before is decided.
-- Out: outcome: 1 done, 2 the moment has not come yet, 3 a writer did not end within p_wait_ms.
CREATE FUNCTION moment_batch(p_at timestamptz, p_wait_ms int4, OUT outcome int2, OUT batch int8)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_seal ledger_seals;
    v_from int8;
    v_next int8;
BEGIN
    outcome := 2;
    IF p_at >= clock_timestamp() THEN
        RETURN;
    END IF;
    outcome := 1;
    -- Before the seals are looked at: what is sealed meanwhile is looked at once more below.
    SELECT coalesce(max(s.last_batch), 0) + 1 INTO v_from FROM ledger_seals s;
    -- until only grows: the first seal above p_at has the first batch after it.
    SELECT * INTO v_seal FROM ledger_seals s WHERE s.until > p_at ORDER BY s.until, s.number LIMIT 1;
    IF FOUND THEN
        v_from := v_seal.first_batch;
        v_next := v_seal.last_batch;
    ELSE
        -- Twice: whoever took his time before p_at has ended then, and everybody with a lower number.
        IF decided_batch(p_wait_ms) IS NULL THEN
            outcome := 3;
            RETURN;
        END IF;
        v_next := decided_batch(p_wait_ms);
        IF v_next IS NULL THEN
            outcome := 3;
            RETURN;
        END IF;
    END IF;
    SELECT coalesce(min(l.batch), v_next + 1) INTO v_next FROM ledger_lines l
        WHERE l.batch >= v_from AND l.batch <= v_next AND l.at > p_at;
    -- A number that came to nothing is nobody's last batch: whether it was given out is not for ever.
    SELECT max(l.batch) INTO batch FROM ledger_lines l
        WHERE l.batch >= v_from AND l.batch < v_next;
    IF batch IS NULL THEN
        SELECT s.batches[cardinality(s.batches)] INTO batch FROM ledger_seals s
            WHERE s.rows > 0 AND s.last_batch < v_from ORDER BY s.number DESC LIMIT 1;
    END IF;
    batch := coalesce(batch, 0);
END $$;
