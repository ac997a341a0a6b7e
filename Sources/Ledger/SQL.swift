// The statements of this module: files under Statements/, prepared once per connection.

internal import Postgres

/// Statements by name; each file states its contract.
enum SQL {
    static let bumpEpoch = statement("bump_epoch", PackageResources.bump_epoch_sql)
    static let commitBatch = statement("commit_batch", PackageResources.commit_batch_sql)
    static let currentEpoch = statement("current_epoch", PackageResources.current_epoch_sql)
    static let endBlockers = statement("end_blockers", PackageResources.end_blockers_sql)
    static let expireDue = statement("expire_due", PackageResources.expire_due_sql)
    static let knownKeys = statement("known_keys", PackageResources.known_keys_sql)
    static let loadPositions = statement("load_positions", PackageResources.load_positions_sql)
    static let lockShard = statement("lock_shard", PackageResources.lock_shard_sql)
    static let reservation = statement("reservation", PackageResources.reservation_sql)
    static let resolveBatch = statement("resolve_batch", PackageResources.resolve_batch_sql)
    static let resolvePositions = statement(
        "resolve_positions",
        PackageResources.resolve_positions_sql
    )

    private static func statement(_ name: String, _ text: [UInt8]) -> Statement {
        Statement(name: name, sql: String(decoding: text, as: UTF8.self))
    }
}

/// The one shard that there is.
let shard: Int16 = 0
