// Callers who go on until they are told to stop, and who retry UNAVAILABLE with the same key and
// nothing else: the clients that a restart must not cost a call.

import Messages
import RPC
import SwiftProtobuf
import Synchronization
import Testing

/// What came of a steady load.
struct SteadyRecord: Sendable {
    /// Holds that were acknowledged and then neither confirmed nor released.
    var held: [String] = []
    var confirmed: [String] = []
    var released: [String] = []
    /// Attempts that were answered UNAVAILABLE before their final answer.
    var unavailable = 0
    /// Calls that ended in any other way, which must not be.
    var faults: [String] = []

    var reserved: Int { held.count + confirmed.count + released.count }

    mutating func merge(_ other: SteadyRecord) {
        held += other.held
        confirmed += other.confirmed
        released += other.released
        unavailable += other.unavailable
        faults += other.faults
    }
}

/// Reserve, Confirm and Release from several connections, at the pace of one call a task each few
/// milliseconds.
final class SteadyLoad: Sendable {
    private struct State {
        var answered = 0
        var hasEnded = false
    }

    /// Attempts of one call; a server that is away for longer has lost it.
    private static let attemptsMax = 200

    private let callers: [Caller]
    private let sku: String
    private let state = Mutex(State())

    init(_ callers: [Caller], sku: String) {
        self.callers = callers
        self.sku = sku
    }

    /// Calls that have their final answer.
    var answered: Int { state.withLock { $0.answered } }

    /// Lets every task finish what it does, and no more.
    func end() { state.withLock { $0.hasEnded = true } }

    /// Waits until so many more calls have been answered.
    func goesOn(by count: Int) async throws {
        let goal = answered + count
        for _ in 0..<6_000 {
            if answered >= goal { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw HarnessFailure(description: "the load stands still at \(answered), not \(goal)")
    }

    /// Runs two tasks on each connection until `end`.
    func run(_ name: String) async throws -> SteadyRecord {
        try await withThrowingTaskGroup(of: SteadyRecord.self) { group in
            for task in 0..<(2 * callers.count) {
                group.addTask {
                    try await self.work("\(name)-\(task)", self.callers[task % self.callers.count])
                }
            }
            return try await group.reduce(into: SteadyRecord()) { $0.merge($1) }
        }
    }

    @concurrent
    private func work(_ name: String, _ caller: Caller) async throws -> SteadyRecord {
        var record = SteadyRecord()
        var number = 0
        while !state.withLock({ $0.hasEnded }) {
            number += 1
            let key = "\(name)-\(number)"
            do {
                try await one(key, number, caller, &record)
            } catch let status as Status {
                record.faults.append("\(key): \(status)")
            }
            try await Task.sleep(for: .milliseconds(3))
        }
        return record
    }

    /// A hold, and for two of three of them what becomes of it.
    private func one(
        _ key: String,
        _ number: Int,
        _ caller: Caller,
        _ record: inout SteadyRecord,
    ) async throws {
        let request = Holdfast_V1_ReserveRequest([Units(sku, 1)], key: key)
        let hold = try await stubbornly("Reserve", request, caller, &record)
        switch number % 3 {
        case 0:
            var request = Holdfast_V1_ConfirmRequest()
            request.id = hold.id
            request.idempotencyKey = "\(key)-confirm"
            _ = try await stubbornly("Confirm", request, caller, &record)
            record.confirmed.append(hold.id)
        case 1:
            var request = Holdfast_V1_ReleaseRequest()
            request.id = hold.id
            request.idempotencyKey = "\(key)-release"
            _ = try await stubbornly("Release", request, caller, &record)
            record.released.append(hold.id)
        default:
            record.held.append(hold.id)
        }
    }

    private func stubbornly(
        _ method: String,
        _ request: some Message & Sendable,
        _ caller: Caller,
        _ record: inout SteadyRecord,
    ) async throws -> Holdfast_V1_Reservation {
        var attempt = 0
        while true {
            do {
                let answer: Holdfast_V1_Reservation =
                    try await caller.call(Path.reservation(method), request)
                state.withLock { $0.answered += 1 }
                return answer
            } catch let status as Status where status.code == .unavailable {
                attempt += 1
                record.unavailable += 1
                guard attempt < Self.attemptsMax else { throw status }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
