// A stream of carts that breaks: every cart is found by its key or was never done, and the sums are
// right.

import Messages
import RPC
import TestServers
import Testing

extension Heavy {
    @Suite(.serialized) struct `Streams of carts that break` {
        private static let count = 300

        /// Sends all carts, and `breaks` in the middle of the answers; the numbers that were
        /// answered.
        private func run(
            _ caller: Caller,
            _ name: String,
            breaks: (CartStreamCall) async throws -> Void,
        ) async throws -> Set<UInt64> {
            let carts = try CartStreamCall(caller)
            let sending = Task {
                for number in 0..<Self.count {
                    let units = [Units("BROKEN", Int64(number % 3 + 1))]
                    try await carts.send(
                        UInt64(number),
                        units,
                        key: "\(name)-\(number)",
                        timeoutMs: 30_000
                    )
                }
            }
            let first = try await carts.answers(20)
            var answered = Set(first.filter { $0.reservation.state == .held }.map(\.correlationID))
            try await breaks(carts)
            do {
                while let answer = try await carts.next() {
                    if answer.reservation.state == .held { answered.insert(answer.correlationID) }
                }
                Issue.record("a broken stream has ended well")
            } catch let status as Status {
                #expect(status.code == .cancelled || status.code == .unavailable)
            }
            _ = await sending.result
            return answered
        }

        /// Asks for every cart; what was answered must be there, and what is there must be all.
        private func expectWhole(
            _ deployment: Deployment,
            _ name: String,
            _ answered: Set<UInt64>,
        ) async throws {
            let caller = try await Caller(deployment.server)
            var units: Int64 = 0
            var found = 0
            for number in 0..<Self.count {
                var request = Holdfast_V1_GetReservationRequest()
                request.idempotencyKey = "\(name)-\(number)"
                do {
                    let held: Holdfast_V1_Reservation =
                        try await caller.patiently(Path.reservation("GetReservation"), request)
                    units += held.lines.reduce(0) { $0 + $1.quantity }
                    found += 1
                } catch let status as Status {
                    #expect(status.code == .notFound)
                    #expect(!answered.contains(UInt64(number)), "an answered cart is lost")
                }
            }
            #expect(found > 0 && found >= answered.count)
            let held = "SELECT held FROM positions WHERE sku = 'BROKEN'"
            #expect(try deployment.number(held) == Int(units))
            try expectSound(deployment, atLeast: found)
        }

        private func quiet(_ deployment: Deployment) async throws {
            for _ in 0..<400 {
                let page = try await Page(deployment.server, "/metrics")
                if page.metric("holdfast_rpc_calls_in_flight") == 0 { break }
                try await Task.sleep(for: .milliseconds(25))
            }
            // What was handed to Postgres when the caller went may still be on its way.
            var before = -1
            while true {
                let now = try deployment.number("SELECT count(*) FROM reservations")
                if now == before { return }
                before = now
                try await Task.sleep(for: .milliseconds(300))
            }
        }

        @Test func `a caller who goes leaves every cart whole or undone`() async throws {
            let deployment = try Deployment()
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("BROKEN", 100_000)])
            let answered = try await run(caller, "gone") { await $0.stream.cancel() }
            try await quiet(deployment)
            try await expectWhole(deployment, "gone", answered)
        }

        @Test func `a server that is killed leaves every cart whole or undone`() async throws {
            let deployment = try Deployment()
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("BROKEN", 100_000)])
            let answered = try await run(caller, "killed") { _ in deployment.server.kill() }
            try deployment.server.start()
            try await expectWhole(deployment, "killed", answered)
        }
    }
}
