// What Postgres and Redis say of a round when it is over. Plain values, so that the verdict is a pure
// function of them and of the history.

/// A reservation with all that became of it.
struct JudgedReservation: Hashable, Sendable {
    var id: String
    /// The key that it was asked with: callers name it as the owner.
    var key: String
    var createdAt: Int64
    var expiresAt: Int64
    var lines: [JudgeLine]
    /// The versions that its commit gave its positions, beside `lines`.
    var versions: [Int64]
    var events: [(kind: Int, at: Int64)] { zip(kinds, times).map { ($0, $1) } }
    /// The numbers of `reservation_events.kind`.
    var kinds: [Int] = []
    var times: [Int64] = []
    var isOrdered = false
}

/// One change of what is free.
struct JudgedVersion: Hashable, Sendable {
    var version: Int64
    var freeAfter: Int64
    /// When it was decided, under the lock of its position.
    var at: Int64
}

/// A position at rest.
struct JudgedPosition: Hashable, Sendable {
    var id: Int64
    var sku: String
    var version: Int64
    var onHand: Int64
    var free: Int64
}

/// A position as Redis shows it.
struct JudgedView: Hashable, Sendable {
    var version: Int64
    var free: Int64
    var beyond: [Int64]
    var pending: Int64
}

/// A committed reservation that was neither in the view nor pending at some moment.
struct UncoveredHold: Hashable, Sendable {
    /// The key that it was asked with.
    var key: String
    var position: Int64
    /// The version that its commit gave the position.
    var version: Int64
    /// When it was certainly visible in Postgres, and when it was looked for in the view.
    var seenAt: Int64
    var missedAt: Int64
}

/// All that is known of a round besides its history.
struct JudgeEvidence: Sendable {
    var reservations: [JudgedReservation] = []
    /// By SKU, in the order of versions.
    var ledger: [String: [JudgedVersion]] = [:]
    var positions: [JudgedPosition] = []
    var uncovered: [UncoveredHold] = []
    /// What Postgres itself finds wrong.
    var findings: [(kind: String, what: String)] = []
}
