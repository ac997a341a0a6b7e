// One attempt to hold units, for those who know another way when there is no room: nothing is proven,
// because nothing is refused.

package import Base
internal import Domain

/// What became of an attempt.
package enum AttemptOutcome: Sendable {
    /// Committed by this attempt.
    case committed(HoldTimes)
    /// The key is committed already, with the same body; perhaps with other units.
    case repeated(HoldTimes)
    case keyReused
    /// No room: the line at fault, what is free for it, and how much of that is pending for others.
    case noRoom(line: Int, free: Int64, pending: Int64)
}

extension Reserving {
    /// Asks the gate for room, and commits what it lets through.
    ///
    /// `isOver` says whether the caller has gone: no step begins after that. The request's epoch,
    /// deadline and whether it shares a hold are set here.
    package func attempt(
        _ request: CommitRequest,
        isOver: () -> Bool,
    ) async throws(Failure) -> AttemptOutcome {
        let deadline = Deadline.current
        var admission = Admission(
            key: request.holdKey,
            lines: request.lines,
            channel: request.channel,
            deadline: deadline,
        )
        for _ in 0..<roundsMax {
            if isOver() { throw .deadlineExceeded }
            switch try await gate.admit(admission) {
            case .missing(let epoch):
                let loaded = try await ledger.load(request.lines.map(\.position))
                if isOver() { throw .deadlineExceeded }
                try await gate.load(loaded, epoch: epoch)

            case .known:
                if let known = try await ledger.barrier(request.key, nil).known {
                    return known.fingerprint == request.fingerprint
                        ? .repeated(known.times) : .keyReused
                }
                admission.isChecked = true

            case .refused(_, let line, let free, let pending):
                return .noRoom(line: line, free: free, pending: pending)

            case .admitted(let epoch, let isShared):
                if isOver() {
                    giveBack(request.holdKey, epoch, isShared: isShared)
                    throw .deadlineExceeded
                }
                let admitted = request.admitted(in: epoch, sharesHold: isShared, until: deadline)
                switch try await ledger.commit(admitted) {
                case .committed(let times): return .committed(times)
                case .repeated(let times): return .repeated(times)
                case .keyReused: return .keyReused
                case .refused(let position, let free):
                    // The view let through what Postgres has not: it is behind, or wrong.
                    try? await healing.mend(position)
                    let line = request.lines.firstIndex { $0.position == position } ?? 0
                    return .noRoom(line: line, free: free, pending: 0)
                case .epochMoved(let epoch): gate.epochMoved(to: epoch)
                }
            }
        }
        throw .unavailable(what: "gate", retryAfterMs: 100)
    }

    /// The reservation under a key, if Postgres has one; asked when the gate cannot be.
    package func known(_ key: ID) async throws(Failure) -> KnownReservation? {
        try await ledger.barrier(key, nil).known
    }
}
