-- Contract: cycle counts: proposed by one principal, approved or rejected by another, applied to the
-- ledger as ADJUSTED.
--
-- A count is held against the books of the moment at which it was made: expected is what was on hand
-- then, and the difference is applied whatever was received or shipped since. Units that are promised
-- are never taken.
-- Lock order as everywhere: advisory lock of the key, shared lock of the shard, position, count.
-- Out of both functions:
--   epoch:   the epoch open at the commit (decide_count).
--   outcome: 1 done, 2 done before, 3 same key with another body, 4 unknown position, 5 units are
--            promised, 6 too many units, 7 no such count, 8 wrong state, 14 proposed by the same
--            principal.
--   what:    for 4 the part of the name; for 8 the state. requested, available: for 5 units.
--   positions, versions, steps: the ledger row written, if any.
-- Keeps S1 (checked here, and by CHECK), S4.

-- states: 1 proposed, 2 partly applied, 3 applied, 4 rejected.
CREATE TABLE stock_counts (
    id          uuid PRIMARY KEY,
    fingerprint uuid NOT NULL,
    position    int8 NOT NULL REFERENCES positions,
    counted     int8 NOT NULL CHECK (counted >= 0),
    counted_at  timestamptz NOT NULL,
    expected    int8 NOT NULL,
    difference  int8 NOT NULL,
    reason      text NOT NULL,
    reference   text NOT NULL,
    principal   text NOT NULL,
    proposed_at timestamptz NOT NULL,
    state       int2 NOT NULL,
    applied     int8 NOT NULL DEFAULT 0,
    events      int4 NOT NULL DEFAULT 1,
    CONSTRAINT no_unit_applied_twice CHECK (abs(applied) <= abs(difference))
);
CREATE INDEX stock_counts_by_time ON stock_counts (proposed_at, id);

-- What happened to a count, never changed. kinds: 1 proposed, 2 approved, 3 rejected.
CREATE TABLE count_events (
    id          uuid NOT NULL REFERENCES stock_counts,
    sequence    int4 NOT NULL,
    at          timestamptz NOT NULL,
    kind        int2 NOT NULL,
    batch       int8 NOT NULL,
    request_key uuid NOT NULL UNIQUE,
    fingerprint uuid NOT NULL,
    principal   text NOT NULL,
    request_id  text NOT NULL,
    trace_id    text NOT NULL,
    note        text NOT NULL,
    applied     int8 NOT NULL,
    version     int8 NOT NULL,
    step        int4 NOT NULL,
    PRIMARY KEY (id, sequence)
);
CREATE INDEX count_events_batch ON count_events USING brin (batch)
    WITH (pages_per_range = 8, autosummarize = on);

-- Notes a count. p_counted_at: null, or later than now, stands for now.
CREATE FUNCTION propose_count(
    p_key uuid, p_fingerprint uuid, p_sku text, p_node text, p_counted int8,
    p_counted_at timestamptz, p_reason text, p_reference text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT outcome int2, OUT what text
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_at timestamptz;
    v_batch int8;
    v_id int8;
    v_expected int8;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT CASE WHEN c.fingerprint = p_fingerprint THEN 2 ELSE 3 END INTO outcome
        FROM stock_counts c WHERE c.id = p_key;
    IF FOUND THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    v_now := clock_timestamp();
    v_at := least(coalesce(p_counted_at, v_now), v_now);
    -- One statement, one snapshot: what is on hand, less what came after the count.
    SELECT p.id, p.on_hand - coalesce((
            SELECT sum(g.on_hand_delta) FROM position_ledger g
            WHERE g.position = p.id AND g.at > v_at
        ), 0)
        INTO v_id, v_expected
        FROM positions p WHERE p.sku = p_sku COLLATE "C" AND p.node = p_node COLLATE "C";
    IF NOT FOUND THEN
        outcome := 4;
        what := unknown_part(p_sku, p_node);
        RETURN;
    END IF;

    v_batch := nextval('batches');
    outcome := 1;
    INSERT INTO stock_counts (id, fingerprint, position, counted, counted_at, expected, difference,
            reason, reference, principal, proposed_at, state)
        VALUES (p_key, p_fingerprint, v_id, p_counted, v_at, v_expected, p_counted - v_expected,
            p_reason, p_reference, p_principal, v_now, 1);
    INSERT INTO count_events (id, sequence, at, kind, batch, request_key, fingerprint, principal,
            request_id, trace_id, note, applied, version, step)
        VALUES (p_key, 1, v_now, 1, v_batch, p_key, p_fingerprint, p_principal, p_request_id,
            p_trace_id, p_reference, 0, 0, 0);
END $$;

-- Approves (p_kind 2) or rejects (p_kind 3) a count that is not decided yet. p_part: apply what is not
-- promised, when that is less than the difference, and leave the count open for the rest.
-- p_alone: whoever proposed it may approve it.
CREATE FUNCTION decide_count(
    p_key uuid, p_fingerprint uuid, p_id uuid, p_kind int2, p_part bool, p_alone bool, p_note text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT what text, OUT requested int8, OUT available int8,
    OUT positions int8[], OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c_units_max CONSTANT int8 := 1000000000000;
    v_now timestamptz;
    v_batch int8;
    v_rest int8;
    v_room int8;
    c stock_counts;
    p positions;
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT CASE WHEN e.fingerprint = p_fingerprint AND e.id = p_id THEN 2 ELSE 3 END INTO outcome
        FROM count_events e WHERE e.request_key = p_key;
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO c FROM stock_counts WHERE id = p_id;
    IF NOT FOUND THEN
        outcome := 7;
        RETURN;
    END IF;
    SELECT * INTO p FROM positions WHERE id = c.position FOR NO KEY UPDATE;
    SELECT * INTO c FROM stock_counts WHERE id = p_id FOR NO KEY UPDATE;
    IF c.state NOT IN (1, 2) THEN
        outcome := 8;
        what := CASE c.state WHEN 3 THEN 'APPLIED' ELSE 'REJECTED' END;
        RETURN;
    END IF;

    v_rest := 0;
    IF p_kind = 2 THEN
        IF NOT p_alone AND c.principal = p_principal THEN
            outcome := 14;
            RETURN;
        END IF;
        v_rest := c.difference - c.applied;
        v_room := p.on_hand - p.damaged - p.quality_control - p.held - p.allocated;
        IF -v_rest > v_room AND (NOT p_part OR v_room = 0) THEN
            outcome := 5;
            what := 'on hand and not promised';
            requested := -v_rest;
            available := v_room;
            RETURN;
        END IF;
        v_rest := greatest(v_rest, -v_room);
        IF p.on_hand + p.in_transit + v_rest > c_units_max THEN
            outcome := 6;
            RETURN;
        END IF;
    END IF;

    v_now := clock_timestamp();
    v_batch := nextval('batches');
    outcome := 1;
    IF v_rest <> 0 THEN
        positions := ARRAY[c.position];
        SELECT w.versions, w.steps INTO versions, steps FROM move_units(
            v_batch, v_now, 9::int2, positions, ARRAY[v_rest], '{}', '{}', '{}', '{}', '{}', '{}',
            NULL, NULL, p_principal, p_request_id, p_trace_id, c.reason,
            'count ' || c.id::text) w;
    END IF;
    UPDATE stock_counts SET applied = c.applied + v_rest, events = c.events + 1,
        state = CASE WHEN p_kind = 3 THEN 4 WHEN c.applied + v_rest = c.difference THEN 3 ELSE 2 END
        WHERE id = p_id;
    INSERT INTO count_events (id, sequence, at, kind, batch, request_key, fingerprint, principal,
            request_id, trace_id, note, applied, version, step)
        VALUES (p_id, c.events + 1, v_now, p_kind, v_batch, p_key, p_fingerprint, p_principal,
            p_request_id, p_trace_id, p_note, v_rest, coalesce(versions[1], 0),
            coalesce(steps[1], 0));
END $$;
