// Row 47 of the list of features: a call whose deadline passes has either had no effect, or its effect
// is found by its key.

import Foundation
import Messages
import RPC
import SwiftProtobuf
import Synchronization
import TestServers
import Testing

/// What was found out about calls that were made once.
private struct Findings {
    /// Calls by how they were answered.
    var answered: [StatusCode: Int] = [:]
    /// Calls that were not answered in time and had no effect.
    var without = 0
    /// Calls that were not answered in time and had their effect.
    var with = 0
    /// What the effects of all calls come to, by SKU.
    var units: [String: HastyUnits] = [:]
    var faults: [String] = []

    mutating func merge(_ other: Findings) {
        answered.merge(other.answered, uniquingKeysWith: +)
        without += other.without
        with += other.with
        for (sku, more) in other.units {
            units[sku, default: HastyUnits()].onHand += more.onHand
            units[sku, default: HastyUnits()].held += more.held
            units[sku, default: HastyUnits()].allocated += more.allocated
        }
        faults += other.faults
    }
}

extension Heavy {
    @Suite(.serialized) struct `Row 47, deadlines` {
        /// `ops/check` asks for many times as many calls.
        private static let scale =
            ProcessInfo.processInfo.environment["HOLDFAST_TEST_SCALE"].flatMap { Int($0) } ?? 1
        private static let tasks = 24
        private static let pendingMs = 1_000
        private static let skus = (0..<4).map { "HASTY-\($0)" }

        // MARK: The load

        private func load(_ callers: [Caller]) async throws -> [[HastyCall]] {
            try await withThrowingTaskGroup(of: [HastyCall].self) { group in
                for task in 0..<Self.tasks {
                    group.addTask {
                        var caller = HastyCaller(
                            callers[task % callers.count],
                            name: "hasty-\(task)",
                            skus: Self.skus,
                            seed: 47_000 + UInt64(task),
                        )
                        try await caller.run(125 * Self.scale)
                        return caller.calls
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }

        /// Makes Postgres and Redis slow for a moment, again and again, until it is cancelled.
        @concurrent
        private func disturb(_ deployment: Deployment) async throws -> Int {
            var random = SeededRandom(seed: 47)
            var count = 0
            while !Task.isCancelled {
                let seconds = Double.random(in: 0.02...0.05, using: &random)
                if count % 2 == 0 {
                    let sku = Self.skus[Int.random(in: 0..<Self.skus.count, using: &random)]
                    try deployment.sql(
                        """
                        BEGIN; SELECT 1 FROM positions WHERE sku = '\(sku)' FOR UPDATE;
                        SELECT pg_sleep(\(seconds)); COMMIT
                        """
                    )
                } else {
                    deployment.redis.pause()
                    try? await Task.sleep(for: .seconds(seconds))
                    deployment.redis.resume()
                }
                count += 1
                try? await Task.sleep(for: .milliseconds(120))
            }
            return count
        }

        // MARK: What became of it

        /// Names of calls, or of their repetitions, that had their whole effect.
        private func effects(_ deployment: Deployment) throws -> Set<Substring> {
            let rows = try deployment.sql(
                """
                SELECT request_id FROM reservations WHERE owner = 'cart'
                UNION SELECT request_id FROM reservation_events WHERE order_key IS NULL
                UNION SELECT request_id FROM order_events
                UNION SELECT l.request_id FROM position_ledger l
                    JOIN stock_commands c ON c.batch = l.batch
                """
            )
            return Set(rows.split(separator: "\n"))
        }

        /// Waits until nothing is under way in the server.
        private func quiet(_ deployment: Deployment) async throws {
            var times = 0
            for _ in 0..<1_000 where times < 5 {
                let page = try await Page(deployment.server, "/metrics")
                let calls = page.metric("holdfast_rpc_calls_in_flight") ?? 1
                let units = page.metric("holdfast_postgres_units_outstanding") ?? 1
                times = calls == 0 && units == 0 ? times + 1 : 0
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(times == 5, "the server does not come to rest")
        }

        /// Asks for each call by its key, and adds up what the effects come to.
        private func ask(
            _ calls: [HastyCall],
            through caller: Caller,
            effects: Set<Substring>,
        ) async throws -> Findings {
            var findings = Findings()
            for call in calls {
                findings.answered[call.answer, default: 0] += 1
                let hadEffect = effects.contains(Substring(call.name))
                if call.isOpen {
                    findings.with += hadEffect ? 1 : 0
                    findings.without += hadEffect ? 0 : 1
                } else if hadEffect != (call.answer == .ok) {
                    findings.faults.append("\(call) has an effect: \(hadEffect)")
                }
                var isDone = hadEffect
                if call.kind == .reserve {
                    let missing = try await missing(call, through: caller)
                    if (missing == nil) != hadEffect {
                        findings.faults.append(
                            "\(call) is not as it had an effect: \(missing as Any)"
                        )
                    }
                } else if call.isOpen {
                    // The same call again: tells what became of it, or does it now.
                    let failure = try await again(call, through: caller)
                    if let failure { findings.faults.append("\(call) again: \(failure)") }
                    isDone = failure == nil
                }
                if isDone { findings.units[call.sku, default: HastyUnits()].add(call) }
            }
            return findings
        }

        /// Asks for a reservation by its key; nil when it is there.
        ///
        /// What is refused for the moment is asked again: on a busy machine a million questions are not
        /// all answered at once.
        private func missing(
            _ call: HastyCall,
            through caller: Caller,
        ) async throws -> Status? {
            var request = Holdfast_V1_GetReservationRequest()
            request.idempotencyKey = call.name
            for _ in 0..<100 {
                let failure = try await refusal {
                    let _: Holdfast_V1_Reservation =
                        try await caller.call(Path.reservation("GetReservation"), request)
                }
                guard let failure, failure.isTemporary else { return failure }
                try await Task.sleep(for: .milliseconds(20))
            }
            return Status(.unavailable, "never answered")
        }

        private func again(_ call: HastyCall, through caller: Caller) async throws -> Status? {
            for _ in 0..<100 {
                let failure = try await refusal {
                    try await caller.make(
                        call,
                        requestID: "again-\(call.name)",
                        timeoutMs: 20_000,
                    )
                }
                guard let failure, failure.isTemporary else { return failure }
                try await Task.sleep(for: .milliseconds(20))
            }
            return Status(.unavailable, "never answered")
        }

        private func askAll(
            _ calls: [[HastyCall]],
            _ callers: [Caller],
            _ effects: Set<Substring>,
        ) async throws -> Findings {
            try await withThrowingTaskGroup(of: Findings.self) { group in
                for (index, calls) in calls.enumerated() {
                    group.addTask {
                        try await ask(
                            calls,
                            through: callers[index % callers.count],
                            effects: effects,
                        )
                    }
                }
                return try await group.reduce(into: Findings()) { $0.merge($1) }
            }
        }

        // MARK: Tests

        @Test func `thousands of hasty calls leave no effect that cannot be asked for`()
            async throws
        {
            let deployment = try Deployment(settings: [
                "--loops": "2", "--gate-pending-ms": "\(Self.pendingMs)",
            ])
            let callers = try await deployment.callers(6)
            try await callers[0].receive(Self.skus.map { Units($0, 1_000_000) })
            let disturbing = Task { try await disturb(deployment) }
            let calls = try await load(callers)
            disturbing.cancel()
            let disturbances = try await disturbing.value
            try await quiet(deployment)

            let before = try effects(deployment)
            let findings = try await askAll(calls, callers, before)
            for fault in findings.faults.prefix(10) { Issue.record("\(fault)") }
            let after = try effects(deployment)
            let twice = before.filter { after.contains("again-\($0)") }
            #expect(twice.isEmpty, "done twice: \(twice.prefix(10))")
            try expectExact(deployment, findings)

            // A run that met every deadline, or none, has shown nothing.
            let count = Self.tasks * 125 * Self.scale
            let late = findings.answered[.deadlineExceeded, default: 0]
            let figures = """
                \(count) calls, \(disturbances) disturbances, answers \(findings.answered), open \
                without effect \(findings.without), with effect \(findings.with)
                """
            #expect(calls.joined().count == count)
            #expect(findings.answered[.ok, default: 0] > count / 10, "\(figures)")
            #expect(late > count / 10, "\(figures)")
            #expect(findings.with > count / 200, "\(figures)")
            #expect(findings.without > count / 200, "\(figures)")
            #expect(disturbances > 3, "\(figures)")
            let page = try await Page(deployment.server, "/metrics")
            let dropped = [
                "gate", "ledger_batch", "postgres_units",
            ]
            .map { "\($0): \(page.metric("holdfast_\($0)_late_total") ?? -1)" }
            print("hasty calls: \(figures), not sent by \(dropped)")

            try await expectNoneIsPending(deployment)
            try expectSound(deployment, atLeast: 100, viewed: Self.skus.count)
        }

        @Test func `calls whose time is over on arrival reach neither Redis nor Postgres`()
            async throws
        {
            // Nothing else may ask Postgres meanwhile.
            let deployment = try Deployment(
                settings: [
                    "--expiry-interval-ms": "60000", "--seal-interval-ms": "3600000",
                    "--drift-interval-ms": "0", "--routing-interval-ms": "60000",
                    "--fulfilment-interval-ms": "60000",
                ]
            )
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("OVER", 100)])
            let held = try await caller.reserve([Units("OVER", 1)])
            // On a machine that has much to do, a gate that Redis keeps waiting asks Postgres for its
            // epoch: then once more. Calls that get through would do so every time.
            var before: [String: Double] = [:]
            var after: [String: Double] = [:]
            for attempt in 1...3 where attempt == 1 || after != before {
                try await quiet(deployment)
                before = try await asked(deployment)
                #expect(before.count == 5)
                #expect(before.values.allSatisfy { $0 > 0 })
                #expect(try await callOverdue(deployment, held.id) == 24)
                try await quiet(deployment)
                after = try await asked(deployment)
            }
            #expect(after == before)
            #expect(try await caller.position("OVER").available == 99)
            #expect(try await asked(deployment) != before, "the counters count")
        }

        /// Makes calls of every kind whose time is over, and says how many.
        private func callOverdue(
            _ deployment: Deployment,
            _ reservation: String,
        ) async throws -> Int {
            var calls = 0
            for timeout in ["0n", "0H", "1n", "100n"] {
                for call in try Self.overdue(reservation) {
                    let status = try await deployment.server.curl(
                        call.path,
                        call.message,
                        timeout: timeout,
                    )
                    #expect(status == "4", "\(call.path) within \(timeout)")
                    calls += 1
                }
            }
            return calls
        }

        /// How often the server asked Postgres and Redis for something that a caller wants.
        private func asked(_ deployment: Deployment) async throws -> [String: Double] {
            let page = try await Page(deployment.server, "/metrics")
            var counts: [String: Double] = [:]
            for name in [
                "postgres_units_sent", "postgres_units_finished", "ledger_batches",
                "ledger_batch_requests", "gate_admitted",
            ] {
                counts[name] = page.metric("holdfast_\(name)_total")
            }
            return counts
        }

        private static func overdue(
            _ reservation: String
        ) throws -> [(path: String, message: [UInt8])] {
            var confirm = Holdfast_V1_ConfirmRequest()
            confirm.id = reservation
            var release = Holdfast_V1_ReleaseRequest()
            release.id = reservation
            var get = Holdfast_V1_GetReservationRequest()
            get.id = reservation
            var receive = Holdfast_V1_ReceiveRequest()
            receive.idempotencyKey = "over"
            var line = Holdfast_V1_StockLine()
            line.sku = "OVER"
            line.node = "N1"
            line.quantity = 1
            receive.lines = [line]
            let reserve = Holdfast_V1_ReserveRequest([Units("OVER", 1)], key: "over")
            return [
                (Path.reservation("Reserve"), try reserve.serializedBytes()),
                (Path.reservation("Confirm"), try confirm.serializedBytes()),
                (Path.reservation("Release"), try release.serializedBytes()),
                (Path.reservation("GetReservation"), try get.serializedBytes()),
                (Path.inventory("Receive"), try receive.serializedBytes()),
                (
                    Path.inventory("ListPositions"),
                    try Holdfast_V1_ListPositionsRequest().serializedBytes()
                ),
            ]
        }

        /// Every position has what the effects come to, and not a unit more.
        private func expectExact(_ deployment: Deployment, _ findings: Findings) throws {
            let rows = try deployment.sql(
                "SELECT sku, on_hand - 1000000, held, allocated FROM positions"
            )
            var found: [String: HastyUnits] = [:]
            for row in rows.split(separator: "\n") {
                let fields = row.split(separator: "|")
                let units = fields.dropFirst().compactMap { Int64($0) }
                guard units.count == 3 else { continue }
                found[String(fields[0])] = HastyUnits(
                    onHand: units[0],
                    held: units[1],
                    allocated: units[2],
                )
            }
            #expect(found == findings.units)
        }

        /// What was admitted for callers who had gone is given back, at last when it is overdue.
        private func expectNoneIsPending(_ deployment: Deployment) async throws {
            let key = "{h0}:\(try deployment.epoch()):q"
            for _ in 0..<200 {
                if try deployment.redisCommand("HLEN", key) == "0" { return }
                try await Task.sleep(for: .milliseconds(50))
            }
            Issue.record("holds are pending: \(try deployment.redisCommand("HLEN", key))")
        }
    }
}

extension ServerProcess {
    /// Makes a call whose `grpc-timeout` our client would not send; the status that comes back.
    fileprivate func curl(
        _ path: String,
        _ message: [UInt8],
        timeout: String,
    ) async throws -> String {
        let body = FileManager.default.temporaryDirectory
            .appendingPathComponent("hf-late-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: body) }
        try Data([0, 0, 0, 0, UInt8(message.count)] + message).write(to: body)
        let ended = try Binary.run([
            "curl", "-s", "-i", "--http2-prior-knowledge", "--max-time", "10", "-X", "POST",
            "--data-binary", "@\(body.path)", "-H", "content-type: application/grpc", "-H",
            "te: trailers", "-H", "grpc-timeout: \(timeout)",
            "http://127.0.0.1:\(grpcPort)\(path)",
        ])
        // Answered before the body came: curl may report the reset that follows and drop the answer.
        if ended.status == 92 { return "4" }
        return ended.output.firstMatch(of: /grpc-status: (\d+)/).map { String($0.1) } ?? "none"
    }
}
