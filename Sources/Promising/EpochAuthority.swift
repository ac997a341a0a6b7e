// Who decides which epoch of the cache is open: Postgres, under a lock. The gate only carries out the
// steps on Redis (PROTOCOL.md, "Reopen").

/// The epoch that Postgres says is open, and the Redis process that it was opened on.
package struct EpochRecord: Hashable, Sendable {
    /// Counts up by one with each opening; 0 was never open.
    package var epoch: Int64
    /// The master_replid of the Redis process.
    package var replid: String

    package init(epoch: Int64, replid: String) {
        self.epoch = epoch
        self.replid = replid
    }
}

/// What the authority asks of the cache while it holds the lock.
package protocol EpochSteps: Sendable {
    /// True when the script of this epoch still answers: somebody else has reopened it, or it was
    /// never closed. Without this look two servers would bump each other for ever.
    func probe(_ record: EpochRecord) async throws(Failure) -> Bool

    /// The replid of the Redis process that is primary now.
    func replid() async throws(Failure) -> String

    /// Sends the text of this epoch once. False when there is any doubt about the reply: then the
    /// epoch is bumped again, and the text is never sent twice.
    func open(_ record: EpochRecord) async -> Bool
}

/// What became of a wish to open the next epoch.
package struct Reopening: Hashable, Sendable {
    package var record: EpochRecord
    /// Whether this process opened it, not another one before it.
    package var isOwn: Bool

    package init(record: EpochRecord, isOwn: Bool) {
        self.record = record
        self.isOwn = isOwn
    }
}

/// The authority over epochs.
package protocol EpochAuthority: Sendable {
    /// The epoch that is open as far as Postgres knows.
    func currentEpoch() async throws(Failure) -> EpochRecord

    /// Opens the next epoch, unless the current one answers or is another than `closed` already.
    func reopen(
        closed: Int64,
        by server: String,
        steps: some EpochSteps,
    ) async throws(Failure) -> Reopening
}
