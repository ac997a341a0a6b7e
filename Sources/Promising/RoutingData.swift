// The network and the rule sets of a process: one immutable snapshot that every loop reads, renewed
// behind their backs when Postgres has a newer one.

internal import Base
internal import Domain
private import Synchronization

/// The snapshot that the loops of a process plan on; any thread may read it.
///
/// Reading never waits: it is a lock around one reference. `refresh` is called by a worker every
/// 500 ms, so that a change counts everywhere within a second; a snapshot is read in the background
/// and put in place when it is whole.
package final class RoutingData: Sendable {
    /// Nobody changes one that was published.
    private final class Published: Sendable {
        let snapshot: RoutingSnapshot
        let checkedAt: Deadline

        init(_ snapshot: RoutingSnapshot, checkedAt: Deadline) {
            self.snapshot = snapshot
            self.checkedAt = checkedAt
        }
    }

    private let published: Mutex<Published?>

    package init() {
        published = Mutex(nil)
    }

    /// The latest snapshot.
    ///
    /// - Throws: `unavailable` as long as none could be read since the process started.
    package func snapshot() throws(Failure) -> RoutingSnapshot {
        if let published = published.withLock({ $0 }) { return published.snapshot }
        throw .unavailable(what: "the network, which was not read yet", retryAfterMs: 200)
    }

    /// Milliseconds since the snapshot was last known to be the current one; nil before the first.
    package var ageMs: Int64? {
        published.withLock { $0 }.map { Deadline.now.milliseconds(from: $0.checkedAt) }
    }

    /// Reads the versions, and a new snapshot if they moved; true when it did.
    ///
    /// Never goes back: a snapshot that was overtaken while it was read is dropped.
    @discardableResult
    package func refresh(_ port: some NetworkPort) async throws(Failure) -> Bool {
        let begin = Deadline.now
        let versions = try await port.currentVersions()
        let known = published.withLock { $0 }
        if let known, known.snapshot.versions == versions {
            publish(known.snapshot, checkedAt: begin)
            return false
        }
        publish(try await port.routingSnapshot(), checkedAt: begin)
        return true
    }

    private func publish(_ snapshot: RoutingSnapshot, checkedAt: Deadline) {
        let fresh = Published(snapshot, checkedAt: checkedAt)
        published.withLock { known in
            if let known, !(known.snapshot.versions <= snapshot.versions) { return }
            known = fresh
        }
    }
}

extension RoutingVersions {
    /// Neither number is greater.
    package static func <= (left: RoutingVersions, right: RoutingVersions) -> Bool {
        left.network <= right.network && left.rules <= right.rules
    }
}
