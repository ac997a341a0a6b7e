// Many callers at once who never give up: each attempt is repeated under its key until it is answered,
// so that at the end it is known of every one whether it was acknowledged.

import Messages
import RPC
import Synchronization
import Testing

/// Random numbers that a seed repeats (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// What came of a load.
struct Record: Sendable {
    /// Ids that were acknowledged, and how many units they were given.
    var acknowledged: [String: Int64] = [:]
    /// Answers that there is not enough.
    var refused = 0
    /// Attempts that were never answered within the time of a test.
    var unanswered = 0
    /// Holds that were given back or confirmed after they were acknowledged.
    var resolved = 0

    var attempts: Int { acknowledged.count + refused + unanswered }
    var units: Int64 { acknowledged.values.reduce(0, +) }

    mutating func merge(_ other: Record) {
        acknowledged.merge(other.acknowledged) { first, _ in first }
        refused += other.refused
        unanswered += other.unanswered
        resolved += other.resolved
    }
}

/// Callers who reserve.
final class Load: Sendable {
    private let callers: [Caller]
    private let progress = Mutex(0)
    /// How likely an acknowledged hold is given back or confirmed at once, in percent.
    let resolvePercent: Int

    init(_ callers: [Caller], resolvePercent: Int = 0) {
        self.callers = callers
        self.resolvePercent = resolvePercent
    }

    /// Attempts that have been answered so far.
    var answered: Int { progress.withLock { $0 } }

    /// Notes an attempt that was made past `run`.
    func count() { progress.withLock { $0 += 1 } }

    /// Waits until so many attempts have been answered.
    func reaches(_ count: Int) async throws {
        for _ in 0..<6_000 {
            if answered >= count { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw HarnessFailure(description: "the load stands still at \(answered), not \(count)")
    }

    /// Runs `tasks` callers of `attempts` attempts each.
    func run(
        tasks: Int,
        attempts: Int,
        seed: UInt64,
        cart: @escaping @Sendable (inout SeededRandom) -> [Units],
    ) async throws -> Record {
        try await withThrowingTaskGroup(of: Record.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    try await self.attempt(
                        attempts,
                        through: self.callers[task % self.callers.count],
                        name: "load-\(seed)-\(task)",
                        random: SeededRandom(seed: seed &* 1_000 &+ UInt64(task)),
                        cart: cart,
                    )
                }
            }
            var record = Record()
            for try await part in group { record.merge(part) }
            return record
        }
    }

    @concurrent
    private func attempt(
        _ count: Int,
        through caller: Caller,
        name: String,
        random: SeededRandom,
        cart: @Sendable (inout SeededRandom) -> [Units],
    ) async throws -> Record {
        var random = random
        var record = Record()
        for number in 0..<count {
            let units = cart(&random)
            let request = Holdfast_V1_ReserveRequest(units, key: "\(name)-\(number)")
            do {
                let answer: Holdfast_V1_Reservation =
                    try await caller.patiently(Path.reservation("Reserve"), request)
                record.acknowledged[answer.id] = units.reduce(0) { $0 + $1.quantity }
                if Int.random(in: 0..<100, using: &random) < resolvePercent {
                    try await resolve(answer.id, Bool.random(using: &random), through: caller)
                    record.resolved += 1
                }
            } catch let status as Status where status.code == .failedPrecondition {
                record.refused += 1
            } catch let status as Status where status.isTemporary {
                record.unanswered += 1
            }
            self.count()
        }
        return record
    }

    private func resolve(_ id: String, _ isKept: Bool, through caller: Caller) async throws {
        if isKept {
            var request = Holdfast_V1_ConfirmRequest()
            request.id = id
            request.idempotencyKey = "confirm \(id)"
            let _: Holdfast_V1_Reservation =
                try await caller.patiently(Path.reservation("Confirm"), request)
        } else {
            var request = Holdfast_V1_ReleaseRequest()
            request.id = id
            request.idempotencyKey = "release \(id)"
            let _: Holdfast_V1_Reservation =
                try await caller.patiently(Path.reservation("Release"), request)
        }
    }
}

extension Deployment {
    /// So many connections, spread over the servers.
    func callers(_ count: Int) async throws -> [Caller] {
        var callers: [Caller] = []
        for number in 0..<count {
            callers.append(try await Caller(servers[number % servers.count]))
        }
        return callers
    }

    /// Of the reservations that were acknowledged, those that the database does not have.
    func missing(_ record: Record) throws -> Int {
        var missing = 0
        let ids = Array(record.acknowledged.keys)
        for start in stride(from: 0, to: ids.count, by: 1_000) {
            let part = ids[start..<min(start + 1_000, ids.count)].joined(separator: ",")
            missing += try number(
                """
                SELECT count(*) FROM unnest('{\(part)}'::uuid[]) a (key)
                WHERE NOT EXISTS (SELECT FROM reservations r WHERE r.key = a.key)
                """
            )
        }
        return missing
    }
}

/// Servers that suites share; each test uses SKUs of its own.
enum Shared {
    static let features = Result { try Deployment() }
    static let races = Result { try Deployment(settings: ["--loops": "2"]) }
}
