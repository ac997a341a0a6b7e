-- Contract: the authority over stock. Creates positions, their ledger, reservations with their
-- events, the cache epoch, stock commands, transfers and incoming supply.
-- Keeps: S1 (never oversell, by CHECK), S3 (one key, one reservation, by primary key),
-- S4 (one immutable ledger row per batch and position).
-- Lock order everywhere: advisory lock of a command's key, shared advisory lock of the shard,
-- positions by id, then reservations and orders.

CREATE SEQUENCE batches;

-- The open epoch of the cache, one row a shard. replid is the master_replid of the Redis process
-- that the epoch was opened on; epoch 0 was never open.
CREATE TABLE cache_epoch (
    shard     int2 PRIMARY KEY,
    epoch     int8 NOT NULL,
    replid    text NOT NULL,
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL
);
INSERT INTO cache_epoch VALUES (0, 0, '', now(), 'migration');

-- Stock of one SKU at one node. version counts the changes of free, step the ledger rows since
-- then that left free as it was.
CREATE TABLE positions (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard           int2 NOT NULL DEFAULT 0,
    sku             text COLLATE "C" NOT NULL,
    node            text COLLATE "C" NOT NULL,
    on_hand         int8 NOT NULL DEFAULT 0,
    held            int8 NOT NULL DEFAULT 0,
    allocated       int8 NOT NULL DEFAULT 0,
    safety          int8 NOT NULL DEFAULT 0,
    damaged         int8 NOT NULL DEFAULT 0,
    quality_control int8 NOT NULL DEFAULT 0,
    in_transit      int8 NOT NULL DEFAULT 0,
    free            int8 GENERATED ALWAYS AS
        (on_hand - safety - damaged - quality_control - held - allocated) STORED,
    version         int8 NOT NULL DEFAULT 0,
    step            int4 NOT NULL DEFAULT 0,
    CONSTRAINT one_position UNIQUE (sku, node),
    CONSTRAINT no_oversell CHECK (held + allocated + damaged + quality_control <= on_hand),
    CONSTRAINT no_negative CHECK (held >= 0 AND allocated >= 0 AND safety >= 0 AND damaged >= 0
        AND quality_control >= 0 AND in_transit >= 0)
) WITH (fillfactor = 50);
CREATE INDEX positions_node ON positions (node, sku);

-- Every change of every unit: one row per batch and position, never changed.
-- step 0 made the version; later steps left free as it was. after holds the buckets
-- (on_hand, held, allocated, safety, damaged, quality_control, in_transit) for rows that a stock
-- command wrote, so that its answer can be given again.
CREATE TABLE position_ledger (
    position              int8 NOT NULL,
    version               int8 NOT NULL,
    step                  int4 NOT NULL DEFAULT 0,
    batch                 int8 NOT NULL,
    at                    timestamptz NOT NULL,
    kind                  int2 NOT NULL,
    on_hand_delta         int8 NOT NULL DEFAULT 0,
    held_delta            int8 NOT NULL DEFAULT 0,
    allocated_delta       int8 NOT NULL DEFAULT 0,
    safety_delta          int8 NOT NULL DEFAULT 0,
    damaged_delta         int8 NOT NULL DEFAULT 0,
    quality_control_delta int8 NOT NULL DEFAULT 0,
    in_transit_delta      int8 NOT NULL DEFAULT 0,
    free_after            int8 NOT NULL,
    channel               text,
    channel_safety        int8,
    principal             text NOT NULL DEFAULT '',
    request_id            text NOT NULL DEFAULT '',
    trace_id              text NOT NULL DEFAULT '',
    reason                text NOT NULL DEFAULT '',
    reference             text NOT NULL DEFAULT '',
    after                 int8[],
    PRIMARY KEY (position, version, step)
);
CREATE INDEX position_ledger_batch ON position_ledger USING brin (batch)
    WITH (pages_per_range = 8, autosummarize = on);

-- Units withheld from one channel at one position, on top of positions.safety.
CREATE TABLE channel_safety (
    position int8 NOT NULL REFERENCES positions,
    channel  text COLLATE "C" NOT NULL,
    quantity int8 NOT NULL CHECK (quantity >= 0),
    version  int8 NOT NULL,
    PRIMARY KEY (position, channel)
);

-- A reservation; its key is the digest of the caller's idempotency key and is its public id.
-- quantities, held and confirmed run parallel to positions. states: 1 held, 2 partially confirmed,
-- 3 confirmed, 4 released, 5 expired, 6 transferred. first_expires_at never changes: it is part of
-- the stored answer. versions are those that its own commit gave the positions.
CREATE TABLE reservations (
    key              uuid PRIMARY KEY,
    fingerprint      uuid NOT NULL,
    state            int2 NOT NULL,
    shard            int2 NOT NULL DEFAULT 0,
    batch            int8 NOT NULL,
    created_at       timestamptz NOT NULL,
    first_expires_at timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    events           int4 NOT NULL DEFAULT 0,
    positions        int8[] NOT NULL,
    quantities       int8[] NOT NULL,
    held             int8[] NOT NULL,
    confirmed        int8[] NOT NULL,
    versions         int8[] NOT NULL,
    owner            text NOT NULL,
    channel          text NOT NULL,
    principal        text NOT NULL,
    request_id       text NOT NULL,
    trace_id         text NOT NULL,
    transferred_to   uuid,
    order_key        uuid
) WITH (fillfactor = 85);
CREATE INDEX reservations_due ON reservations (expires_at) WHERE state IN (1, 2);
CREATE INDEX reservations_batch ON reservations USING brin (batch)
    WITH (pages_per_range = 8, autosummarize = on);

-- What became of a reservation after its commit. The columns state to confirmed are the image after
-- the event, so that the answer to a retried call can be given again. kinds: 1 confirmed,
-- 2 released, 3 expired, 4 extended, 5 changed, 6 transferred, 7 taken again after expiry.
CREATE TABLE reservation_events (
    key            uuid NOT NULL,
    sequence       int4 NOT NULL,
    at             timestamptz NOT NULL,
    kind           int2 NOT NULL,
    batch          int8 NOT NULL,
    request_key    uuid,
    fingerprint    uuid,
    state          int2 NOT NULL,
    expires_at     timestamptz NOT NULL,
    quantities     int8[] NOT NULL,
    held           int8[] NOT NULL,
    confirmed      int8[] NOT NULL,
    principal      text NOT NULL,
    request_id     text NOT NULL,
    trace_id       text NOT NULL,
    reason         text NOT NULL,
    transferred_to uuid,
    order_key      uuid,
    PRIMARY KEY (key, sequence)
);
CREATE UNIQUE INDEX reservation_events_request ON reservation_events (request_key)
    WHERE request_key IS NOT NULL;
CREATE INDEX reservation_events_batch ON reservation_events USING brin (batch)
    WITH (pages_per_range = 8, autosummarize = on);

-- A stock command by its key: the batch that it wrote holds its answer.
CREATE TABLE stock_commands (
    key         uuid PRIMARY KEY,
    fingerprint uuid NOT NULL,
    batch       int8 NOT NULL,
    at          timestamptz NOT NULL
);

-- Units that went from one node to another. states: 1 in transit, 2 arrived.
CREATE TABLE transfers (
    id         uuid PRIMARY KEY,
    state      int2 NOT NULL,
    targets    int8[] NOT NULL,
    quantities int8[] NOT NULL,
    reference  text NOT NULL,
    at         timestamptz NOT NULL
);

-- Supply that is expected; quantity is what is still to come.
CREATE TABLE incoming (
    position    int8 NOT NULL REFERENCES positions,
    reference   text COLLATE "C" NOT NULL,
    quantity    int8 NOT NULL CHECK (quantity >= 0),
    expected_at timestamptz NOT NULL,
    PRIMARY KEY (position, reference)
);
