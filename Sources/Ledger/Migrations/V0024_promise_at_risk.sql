-- Contract: units that find another place later than they were promised are shown to people.
--
-- swap_reroute as V0021_reroutes.sql states it; then each line of the order whose units now arrive after
-- the day that it was promised for has the exception PROMISE_AT_RISK, until somebody resolves it: the
-- customer has to be told.

ALTER FUNCTION swap_reroute(uuid, uuid, uuid, text, text, text) RENAME TO swap_units;

-- Opens the exceptions of the shipments that reservation p_hold became.
CREATE FUNCTION note_late_promises(
    p_hold uuid, p_batch int8, p_principal text, p_request_id text, p_trace_id text
) RETURNS void LANGUAGE sql AS $$
    SELECT open_exception('PROMISE_AT_RISK', format('order/%s/%s', n.order_key, n.line), n.order_key,
        n.line, n.shipment,
        format('%s units arrive on %s, promised for %s', n.units, date '1970-01-01' + n.promise_day,
            date '1970-01-01' + n.promised),
        p_batch, n.at, p_principal, p_request_id, p_trace_id)
    FROM (
        -- The last to arrive of a line stands for all of it.
        SELECT DISTINCT ON (l.number) s.order_key, l.number AS line, s.id AS shipment,
            l.quantity AS units, s.promise_day, s.created_at AS at, (
                SELECT max(was.promise_day) FROM shipments was
                JOIN shipment_lines w ON w.shipment = was.id AND w.number = l.number
                WHERE was.order_key = s.order_key AND was.reservation <> p_hold
                    AND was.number < s.number) AS promised
        FROM reservations r JOIN shipments s ON s.order_key = r.order_key AND s.reservation = r.key
        JOIN shipment_lines l ON l.shipment = s.id
        WHERE r.key = p_hold AND s.promise_day IS NOT NULL
        ORDER BY l.number, s.promise_day DESC, s.number
    ) n WHERE n.promise_day > n.promised ORDER BY n.line
$$;

CREATE FUNCTION swap_reroute(
    p_key uuid, p_reroute uuid, p_hold uuid,
    p_principal text, p_request_id text, p_trace_id text,
    OUT epoch int8, OUT outcome int2, OUT what text, OUT moved int8, OUT positions int8[],
    OUT versions int8[], OUT steps int4[]
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    SELECT u.epoch, u.outcome, u.what, u.moved, u.positions, u.versions, u.steps
        INTO epoch, outcome, what, moved, positions, versions, steps
        FROM swap_units(p_key, p_reroute, p_hold, p_principal, p_request_id, p_trace_id) u;
    IF outcome = 1 AND moved > 0 THEN
        -- The number that swap_units took a moment ago.
        PERFORM note_late_promises(p_hold, currval('batches'), p_principal, p_request_id, p_trace_id);
    END IF;
END $$;
