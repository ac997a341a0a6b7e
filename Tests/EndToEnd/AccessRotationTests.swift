// Tokens change while a server runs: nobody with a good token is ever refused, nobody with a revoked
// one gets in, and a file that is broken changes nothing.

import Foundation
import Messages
import RPC
import Synchronization
import TestServers
import Testing

extension Heavy {
    @Suite(.serialized) struct AccessRotationTests {
        @Test func `no call with a good token fails while tokens are replaced 20 times`()
            async throws
        {
            let guarded = try GuardedDeployment(settings: ["--loops": "2"])
            try await guarded.caller("ops").receive([Units("ROTATE", 1_000)])
            let rotation = Rotation(token: try #require(guarded.tokens["checkout"]), callers: 4)
            let load = (0..<4)
                .map { number in
                    Task { @concurrent in try await rotation.call(guarded.server, number) }
                }
            var old = try #require(guarded.tokens["checkout"])
            for round in 1...20 {
                let new = try guarded.makeToken("checkout")
                guarded.server.send(SIGHUP)
                #expect(try await isGood(new, becomes: true, guarded.server), "round \(round)")
                rotation.use(new, round)
                // Revoked is only what no caller has in its hands any more.
                while !rotation.allUse(round) { try await Task.sleep(for: .milliseconds(5)) }
                let revoked = try Binary.run([
                    Binary.path, "access", "revoke", "checkout", "--token",
                    try tokenID(old, guarded), "--file", guarded.file,
                ])
                #expect(revoked.status == 0, "\(revoked.errors)")
                guarded.server.send(SIGHUP)
                #expect(try await isGood(old, becomes: false, guarded.server), "round \(round)")
                old = new
            }
            rotation.end()
            for task in load { try await task.value }
            #expect(rotation.failures == [])
            #expect(rotation.calls > 100)
            let page = try await Page(guarded.server, "/metrics")
            let done = page.metric("holdfast_access_reloads_total", #"outcome="done""#) ?? 0
            #expect(done >= 40)
            #expect(page.metric("holdfast_access_reloads_total", #"outcome="failed""#) == 0)
            try expectSound(guarded.deployment, atLeast: 100)
        }

        @Test func `a change is taken without a signal, and a broken file changes nothing`()
            async throws
        {
            let guarded = try GuardedDeployment()
            let token = try #require(guarded.tokens["desk"])
            let good = try String(contentsOfFile: guarded.file, encoding: .utf8)
            let new = try guarded.makeToken("desk")
            #expect(try await isGood(new, becomes: true, guarded.server))

            for broken in ["{", #"{"callers": [{"name": "x"}]}"#] {
                _ = try guarded.folder.write(broken, as: "access.json")
                let before = try await failures(guarded.server)
                guarded.server.send(SIGHUP)
                while try await failures(guarded.server) == before {
                    try await Task.sleep(for: .milliseconds(20))
                }
                #expect(try await code(token, guarded.server) == .ok)
                #expect(try await code(new, guarded.server) == .ok)
            }
            #expect(guarded.server.errors.contains("the access file cannot be used"))
            #expect(guarded.server.isRunning)
            // The old content again: the new token was never in it.
            _ = try guarded.folder.write(good, as: "access.json")
            guarded.server.send(SIGHUP)
            #expect(try await isGood(new, becomes: false, guarded.server))
            #expect(try await code(token, guarded.server) == .ok)
        }

        @Test func `a caller that is gone is out at once, on a connection that stays`() async throws
        {
            let guarded = try GuardedDeployment()
            let desk = try await guarded.caller("desk")
            _ = try await desk.position("GONE")
            let ended = try Binary.run([
                Binary.path, "access", "revoke", "desk", "--file", guarded.file,
            ])
            #expect(ended.status == 0)
            guarded.server.send(SIGHUP)
            #expect(try await isGood(guarded.tokens["desk"] ?? "", becomes: false, guarded.server))
            let status = try await refusal { try await desk.position("GONE") }
            #expect(status?.code == .unauthenticated)
            let page = try await Page(guarded.server, "/metrics")
            #expect(page.metric("holdfast_access_callers") == 6)
            #expect((page.metric("holdfast_rpc_calls_total", "UNAUTHENTICATED") ?? 0) >= 1)
        }

        // MARK: Private

        private func failures(_ server: ServerProcess) async throws -> Double? {
            try await Page(server, "/metrics")
                .metric("holdfast_access_reloads_total", #"outcome="failed""#)
        }

        private func code(_ token: String, _ server: ServerProcess) async throws -> StatusCode {
            let caller = try await Caller(server, token: token)
            let status = try await refusal { try await caller.position("ROTATE") }
            await caller.client.close()
            return status?.code ?? .ok
        }

        /// Waits until every loop knows the token or does not; gives up after much longer than a
        /// server may take.
        private func isGood(
            _ token: String,
            becomes isGood: Bool,
            _ server: ServerProcess,
        ) async throws -> Bool {
            let wanted: StatusCode = isGood ? .ok : .unauthenticated
            var inTurn = 0
            for _ in 0..<2_000 {
                // Connections spread over the loops; several in turn have seen all of them.
                inTurn = try await code(token, server) == wanted ? inTurn + 1 : 0
                if inTurn == 6 { return true }
                if inTurn == 0 { try await Task.sleep(for: .milliseconds(20)) }
            }
            return false
        }

        private func tokenID(_ token: String, _ guarded: GuardedDeployment) throws -> String {
            let ended = try Binary.run([
                "sh", "-c", #"printf %s "$1" | sha256sum | cut -c 1-8"#, "sh", token,
            ])
            return ended.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }
}

/// Callers that call without a pause, each with the token that is the newest to it.
private final class Rotation: Sendable {
    private struct State {
        var token: String
        var round = 0
        var uses: [Int]
        var calls = 0
        var failures: [String] = []
        var isOver = false
    }

    private let state: Mutex<State>

    init(token: String, callers: Int) {
        state = Mutex(State(token: token, uses: Array(repeating: 0, count: callers)))
    }

    var failures: [String] { state.withLock { $0.failures } }
    var calls: Int { state.withLock { $0.calls } }

    func use(_ token: String, _ round: Int) {
        state.withLock { state in
            state.token = token
            state.round = round
        }
    }

    func allUse(_ round: Int) -> Bool { state.withLock { $0.uses.allSatisfy { $0 >= round } } }
    func end() { state.withLock { $0.isOver = true } }

    /// Reserves and looks until it is over; what goes wrong is kept.
    func call(_ server: ServerProcess, _ number: Int) async throws {
        let caller = try await Caller(server)
        while true {
            let (token, round, isOver) = state.withLock { ($0.token, $0.round, $0.isOver) }
            if isOver { return }
            var metadata = Metadata()
            try metadata.add("authorization", "Bearer \(token)")
            let failure = try await refusal {
                try await caller.reserve([Units("ROTATE", 1)], ttlMs: 1_000, metadata: metadata)
            }
            state.withLock { state in
                state.calls += 1
                state.uses[number] = round
                if let failure, failure.reason != "SOLD_OUT", failure.reason != "CONTENDED" {
                    state.failures.append("\(failure)")
                }
            }
        }
    }
}
