-- Contract: the history of what the audit of drift found and repaired, and the one way in which a
-- repair writes to a position.

-- What happened to a finding; rows are only added. event: 1 found, 2 gone, 3 repaired. finding: the
-- numbers of DriftKind: 1 view, 2 ledger, 3 pending, 4 lost commits, 5 unreadable, 6 missing rows.
-- version: where it was seen. clean_version, clean_at: the last audit that found it right, if any.
CREATE TABLE drift_events (
    id            int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    position      int8 NOT NULL,
    event         int2 NOT NULL,
    finding       int2 NOT NULL,
    units         int8 NOT NULL,
    version       int8 NOT NULL,
    clean_version int8,
    clean_at      timestamptz,
    server        text NOT NULL,
    principal     text NOT NULL,
    request_id    text NOT NULL,
    trace_id      text NOT NULL,
    detail        text NOT NULL
);
CREATE INDEX drift_events_position ON drift_events (position, id);
INSERT INTO serving_privileges VALUES ('drift_events', 'SELECT, INSERT');

-- Contract: write_back sets the balances of one position to the sum of its ledger, where somebody
-- changed them past it, and writes a ledger row that moves nothing and says so.
--
-- In:  p_position; p_version, p_step: a row of its ledger; p_fold: the sums of the ledger up to that
--      row, by bucket (on_hand, held, allocated, safety, damaged, quality_control, in_transit): rows
--      never change, so only those after it are summed under the lock. p_difference: what balances
--      minus ledger were when they were read; p_reference: the same in words. Then who asks.
-- Out: outcome: 1 done; 2 the difference is another one by now, or none;
--        3 the ledger has no row for the position's version;
--        4 the ledger has fewer units than are promised, damaged or in quality control: the promises
--          were given on the strength of the changed figure, and a person has to decide;
--        5 the ledger's reserved units are not those of the live reservations;
--        6 allocated units were changed: no sum of orders proves the ledger quickly enough to be
--          done under the lock.
--      epoch at the commit. version, step, free_after: the row written (1).
-- The row has kind 9 (adjusted), reason DRIFT, no change in any bucket: the balances are the sum of the
-- ledger again, and free_after says what is free from here on. It makes a version if the free units
-- change, so that the view hears of it.
-- Keeps I1 (checked here, and by CHECK); touches no reservation and no order.
CREATE FUNCTION write_back(
    p_position int8, p_version int8, p_step int4, p_fold int8[], p_difference int8[],
    p_reference text, p_principal text, p_request_id text, p_trace_id text, p_reason text,
    OUT outcome int2, OUT epoch int8, OUT version int8, OUT step int4, OUT free_after int8
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    p positions%ROWTYPE;
    v_fold int8[];
    v_last int8[];
    v_difference int8[];
    v_live int8;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7301, 0);
    SELECT e.epoch INTO epoch FROM cache_epoch e WHERE e.shard = 0;
    SELECT * INTO p FROM positions q WHERE q.id = p_position FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        outcome := 2;
        RETURN;
    END IF;
    SELECT coalesce(max(ARRAY[r.version, r.step]), ARRAY[p_version, p_step::int8]), ARRAY[
            p_fold[1] + coalesce(sum(r.on_hand_delta), 0),
            p_fold[2] + coalesce(sum(r.held_delta), 0),
            p_fold[3] + coalesce(sum(r.allocated_delta), 0),
            p_fold[4] + coalesce(sum(r.safety_delta), 0),
            p_fold[5] + coalesce(sum(r.damaged_delta), 0),
            p_fold[6] + coalesce(sum(r.quality_control_delta), 0),
            p_fold[7] + coalesce(sum(r.in_transit_delta), 0)
        ]::int8[]
        INTO v_last, v_fold
        FROM position_ledger r
        WHERE r.position = p_position AND (r.version, r.step) > (p_version, p_step);
    IF v_last <> ARRAY[p.version, p.step::int8] THEN
        outcome := 3;
        RETURN;
    END IF;
    v_difference := ARRAY[
        p.on_hand - v_fold[1], p.held - v_fold[2], p.allocated - v_fold[3], p.safety - v_fold[4],
        p.damaged - v_fold[5], p.quality_control - v_fold[6], p.in_transit - v_fold[7]];
    IF v_difference <> p_difference OR 0 = ALL (v_difference) THEN
        outcome := 2;
        RETURN;
    END IF;
    IF 0 > ANY (v_fold) OR v_fold[2] + v_fold[3] + v_fold[5] + v_fold[6] > v_fold[1] THEN
        outcome := 4;
        RETURN;
    END IF;
    IF v_difference[3] <> 0 THEN
        outcome := 6;
        RETURN;
    END IF;
    IF v_difference[2] <> 0 THEN
        SELECT coalesce(sum(u.held), 0) INTO v_live
            FROM reservations r CROSS JOIN unnest(r.positions, r.held) AS u(id, held)
            WHERE r.state IN (1, 2) AND u.id = p_position;
        IF v_live <> v_fold[2] THEN
            outcome := 5;
            RETURN;
        END IF;
    END IF;

    UPDATE positions q SET on_hand = v_fold[1], held = v_fold[2], allocated = v_fold[3],
        safety = v_fold[4], damaged = v_fold[5], quality_control = v_fold[6],
        in_transit = v_fold[7],
        version = q.version + (v_fold[1] - v_fold[2] - v_fold[3] - v_fold[4] - v_fold[5]
            - v_fold[6] <> q.free)::int4,
        step = CASE WHEN v_fold[1] - v_fold[2] - v_fold[3] - v_fold[4] - v_fold[5] - v_fold[6]
            <> q.free THEN 0 ELSE q.step + 1 END
        WHERE q.id = p_position
        RETURNING q.version, q.step, q.free INTO version, step, free_after;
    INSERT INTO position_ledger (position, version, step, batch, at, kind, free_after, principal,
        request_id, trace_id, reason, reference, after)
    VALUES (p_position, version, step, nextval('batches'), clock_timestamp(), 9, free_after,
        p_principal, p_request_id, p_trace_id, p_reason, p_reference, v_fold);
    outcome := 1;
END $$;
