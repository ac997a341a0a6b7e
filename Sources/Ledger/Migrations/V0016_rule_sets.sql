-- Contract: rule sets by name and version, and which channel uses which. A version never changes.
-- Lock order: key of the command, rule sets (7305), shard.

CREATE TABLE rule_sets (
    name     text COLLATE "C" NOT NULL,
    version  int4 NOT NULL,
    at       timestamptz NOT NULL,
    -- Canonical JSON; the same text means the same.
    document text NOT NULL,
    PRIMARY KEY (name, version)
);

-- What a channel chose; version null: the latest one at any time.
CREATE TABLE channel_rules (
    channel text COLLATE "C" PRIMARY KEY,
    name    text COLLATE "C" NOT NULL,
    version int4
);

-- Every change, never changed itself. kinds: 1 a version was put, 2 a channel chose (name empty: the
-- standard again). change counts both; servers compare it with what they have.
CREATE TABLE rule_changes (
    change       int8 PRIMARY KEY,
    batch        int8 NOT NULL,
    at           timestamptz NOT NULL,
    kind         int2 NOT NULL,
    name         text NOT NULL,
    rule_version int4,
    channel      text NOT NULL,
    note         text NOT NULL,
    principal    text NOT NULL,
    request_id   text NOT NULL,
    trace_id     text NOT NULL
);
CREATE INDEX rule_changes_batch ON rule_changes (batch);

-- What a command led to: the version that it put or chose; change null: it changed nothing.
CREATE TABLE rule_commands (
    key          uuid PRIMARY KEY,
    fingerprint  uuid NOT NULL,
    rule_version int4,
    change       int8
);

INSERT INTO serving_privileges VALUES
    ('rule_sets', 'SELECT, INSERT'),
    ('rule_changes', 'SELECT, INSERT'),
    ('rule_commands', 'SELECT, INSERT');

-- Seals cover rule sets and who chose them.
DO $$ BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW ledger_lines AS '
        || rtrim(pg_get_viewdef('ledger_lines'::regclass), ';') || $view$
    UNION ALL
    SELECT c.batch, c.at,
        sha256(record_send(ROW(8::int2, c.change, c.batch, c.at, c.kind, c.name, c.rule_version,
            c.channel, c.note, c.principal, c.request_id, c.trace_id,
            CASE WHEN c.kind = 1 THEN (SELECT r.document FROM rule_sets r
                WHERE r.name = c.name AND r.version = c.rule_version) END))),
        format('rule_changes %s', c.change)
    FROM rule_changes c $view$;
END $$;

-- Out: outcome 2 or 3 of a known key, or null; takes the locks of the key, the rule sets and the shard.
CREATE FUNCTION begin_rule_command(
    p_key uuid, p_fingerprint uuid,
    OUT outcome int2, OUT rule_version int4, OUT is_changed bool
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_key, 0));
    SELECT CASE WHEN c.fingerprint = p_fingerprint THEN 2 ELSE 3 END, c.rule_version,
        c.change IS NOT NULL
        INTO outcome, rule_version, is_changed FROM rule_commands c WHERE c.key = p_key;
    IF NOT FOUND THEN
        PERFORM pg_advisory_xact_lock(7305, 0);
        PERFORM pg_advisory_xact_lock_shared(7301, 0);
    END IF;
END $$;

CREATE FUNCTION note_rule_change(
    p_kind int2, p_name text, p_rule_version int4, p_channel text, p_note text,
    p_principal text, p_request_id text, p_trace_id text
) RETURNS int8 LANGUAGE sql AS $$
    INSERT INTO rule_changes
    SELECT coalesce(max(c.change), 0) + 1, nextval('batches'), clock_timestamp(), p_kind, p_name,
        p_rule_version, p_channel, p_note, p_principal, p_request_id, p_trace_id
    FROM rule_changes c
    RETURNING change
$$;

-- Puts the next version of a rule set, unless the latest one has the same document.
-- Out: outcome: 1 done, 2 done before, 3 same key with another body; rule_version: the version that
-- has the document; is_changed: false when it was there already.
CREATE FUNCTION put_rule_set(
    p_key uuid, p_fingerprint uuid, p_name text, p_document text, p_note text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT outcome int2, OUT rule_version int4, OUT is_changed bool
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_document text;
    v_change int8;
BEGIN
    SELECT b.outcome, b.rule_version, b.is_changed INTO outcome, rule_version, is_changed
        FROM begin_rule_command(p_key, p_fingerprint) b;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    outcome := 1;
    SELECT r.version, r.document INTO rule_version, v_document FROM rule_sets r
        WHERE r.name = p_name COLLATE "C" ORDER BY r.version DESC LIMIT 1;
    is_changed := v_document IS DISTINCT FROM p_document;
    IF is_changed THEN
        rule_version := coalesce(rule_version, 0) + 1;
        INSERT INTO rule_sets VALUES (p_name, rule_version, clock_timestamp(), p_document);
        v_change := note_rule_change(1::int2, p_name, rule_version, '', p_note, p_principal,
            p_request_id, p_trace_id);
    END IF;
    INSERT INTO rule_commands VALUES (p_key, p_fingerprint, rule_version, v_change);
END $$;

-- Lets a channel use a rule set (p_name empty: the standard) at a version (null: the latest).
-- Out: as put_rule_set has it, and outcome 7: there is no such rule set or version.
CREATE FUNCTION assign_rule_set(
    p_key uuid, p_fingerprint uuid, p_channel text, p_name text, p_version int4, p_note text,
    p_principal text, p_request_id text, p_trace_id text,
    OUT outcome int2, OUT rule_version int4, OUT is_changed bool
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_last channel_rules%ROWTYPE;
    v_change int8;
BEGIN
    SELECT b.outcome, b.rule_version, b.is_changed INTO outcome, rule_version, is_changed
        FROM begin_rule_command(p_key, p_fingerprint) b;
    IF outcome IS NOT NULL THEN
        RETURN;
    END IF;
    IF p_name <> '' AND NOT EXISTS (SELECT FROM rule_sets r WHERE r.name = p_name COLLATE "C"
        AND (p_version IS NULL OR r.version = p_version))
    THEN
        outcome := 7;
        RETURN;
    END IF;
    outcome := 1;
    SELECT * INTO v_last FROM channel_rules c WHERE c.channel = p_channel COLLATE "C";
    is_changed := (coalesce(v_last.name, ''), v_last.version) IS DISTINCT FROM (p_name, p_version);
    IF is_changed THEN
        IF p_name = '' THEN
            DELETE FROM channel_rules c WHERE c.channel = p_channel COLLATE "C";
        ELSE
            INSERT INTO channel_rules VALUES (p_channel, p_name, p_version)
                ON CONFLICT (channel) DO UPDATE SET name = p_name, version = p_version;
        END IF;
        v_change := note_rule_change(2::int2, p_name, p_version, p_channel, p_note, p_principal,
            p_request_id, p_trace_id);
    END IF;
    rule_version := p_version;
    INSERT INTO rule_commands VALUES (p_key, p_fingerprint, p_version, v_change);
END $$;
