// The statements of this module: files under Statements/, prepared once per connection.

internal import Postgres

/// Statements by name; each file states its contract.
enum SQL {
    static let bumpEpoch = Statement(
        "bump_epoch",
        file: PackageResources.bump_epoch_sql,
        [OID.int2, OID.int8, OID.text, OID.text],
    )
    static let commitBatch = Statement(
        "commit_batch",
        file: PackageResources.commit_batch_sql,
        [
            OID.int2, OID.int8, OID.int8s, OID.uuids, OID.uuids, OID.int4s, OID.texts, OID.texts,
            OID.texts, OID.texts, OID.texts, OID.int4s, OID.int4s, OID.int8s,
        ],
    )
    static let commitRouted = Statement(
        "commit_routed",
        file: PackageResources.commit_routed_sql,
        [
            OID.int2, OID.int8, OID.int8s, OID.uuids, OID.uuids, OID.int4s, OID.texts, OID.texts,
            OID.texts, OID.texts, OID.texts, OID.int4s, OID.int4s, OID.int8s,
            OID.int4s, OID.int8s, OID.texts, OID.int4s, OID.texts, OID.byteas,
        ],
    )
    static let currentEpoch = Statement(
        "current_epoch",
        file: PackageResources.current_epoch_sql,
        [OID.int2]
    )
    static let endBlockers = Statement(
        "end_blockers",
        file: PackageResources.end_blockers_sql,
        [OID.int4]
    )
    static let expireDue = Statement(
        "expire_due",
        file: PackageResources.expire_due_sql,
        [OID.int2, OID.int4]
    )
    static let hotPositions = Statement(
        "hot_positions",
        file: PackageResources.hot_positions_sql,
        [OID.int8, OID.int4],
        mayTakeLong: true,
    )
    static let positionsAfter = Statement(
        "positions_after",
        file: PackageResources.positions_after_sql,
        [OID.int2, OID.int8, OID.int4],
        mayTakeLong: true,
    )
    static let knownKeys = Statement(
        "known_keys",
        file: PackageResources.known_keys_sql,
        [OID.int2, OID.uuids]
    )
    static let loadPositions = Statement(
        "load_positions",
        file: PackageResources.load_positions_sql,
        [OID.int8s]
    )
    static let lockShard = Statement(
        "lock_shard",
        file: PackageResources.lock_shard_sql,
        [OID.int4]
    )
    static let reservations = Statement(
        "reservations",
        file: PackageResources.reservations_sql,
        [OID.uuids, OID.uuids, OID.bool]
    )
    static let resolveBatch = Statement(
        "resolve_batch",
        file: PackageResources.resolve_batch_sql,
        [
            OID.int2, OID.int2, OID.uuids, OID.uuids, OID.uuids, OID.int4s, OID.bools, OID.texts,
            OID.uuids, OID.texts, OID.texts, OID.texts, OID.texts, OID.int4s, OID.int8s, OID.int8s,
        ],
        mayTakeLong: true,
    )
    static let rowsBeyond = Statement(
        "rows_beyond",
        file: PackageResources.rows_beyond_sql,
        [OID.int8s, OID.int8s],
        mayTakeLong: true,
    )
    static let resolvePositions = Statement(
        "resolve_positions",
        file: PackageResources.resolve_positions_sql,
        [OID.texts, OID.texts]
    )
}

/// The one shard that there is.
let shard: Int16 = 0
