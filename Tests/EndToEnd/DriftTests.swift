// Rows 40 and 41 of the list of features: Redis and Postgres are made to drift under load, behind the
// servers' backs. Each injected unit is found exactly, attributed and repaired; and where nothing was
// injected, nothing is found.

import Foundation
import Messages
import RPC
import TestServers
import Testing

/// A run of `holdfast drift` with --json.
private struct DriftRun {
    let status: Int32
    let errors: String
    private let object: [String: Any]

    init(_ deployment: Deployment, _ arguments: [String], server: Int = 0) throws {
        let address = "127.0.0.1:\(deployment.servers[server].grpcPort)"
        let ended = try Binary.run(
            [Binary.path, "drift"] + arguments + ["--json", "--server", address]
        )
        (status, errors) = (ended.status, ended.errors)
        let line = ended.output.split(separator: "\n").last ?? "{}"
        object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] ?? [:]
    }

    subscript(name: String) -> Any? { object[name] }
    var audited: Int { object["audited"] as? Int ?? 0 }
    var positions: [[String: Any]] { object["positions"] as? [[String: Any]] ?? [] }
    /// The findings of the first position, as `VIEW +5`.
    var findings: [String] {
        let position = positions.first ?? object["position"] as? [String: Any] ?? [:]
        return Self.findings(position)
    }
    var finding: [String: Any] {
        let position = positions.first ?? object["position"] as? [String: Any] ?? [:]
        return (position["findings"] as? [[String: Any]])?.first ?? [:]
    }

    static func findings(_ position: [String: Any]) -> [String] {
        (position["findings"] as? [[String: Any]] ?? [])
            .map { finding in
                let kind = finding["kind"] as? String ?? ""
                let units = finding["units"] as? Int ?? 0
                return "\(kind.replacing("DRIFT_KIND_", with: "")) \(units > 0 ? "+" : "")\(units)"
            }
    }
}

extension Heavy {
    @Suite(.serialized) struct DriftTests {
        private static let scale =
            ProcessInfo.processInfo.environment["HOLDFAST_TEST_SCALE"].flatMap { Int($0) } ?? 1

        private func id(_ sku: String, _ deployment: Deployment) throws -> Int {
            try deployment.number("SELECT id FROM positions WHERE sku = '\(sku)' AND node = 'N1'")
        }

        private func key(_ sku: String, _ deployment: Deployment) throws -> String {
            "{h0}:\(try deployment.epoch()):p\(try id(sku, deployment))"
        }

        /// Waits until the watchers have said so of a position.
        private func alarm(_ sku: String, _ event: Int, _ deployment: Deployment) throws {
            let id = try id(sku, deployment)
            try waitUntil(seconds: 30, "event \(event) of \(sku)") {
                let sql = """
                    SELECT count(*) FROM drift_events WHERE position = \(id) AND event = \(event)
                    """
                return (try? deployment.number(sql)) ?? 0 > 0
            }
        }

        /// Waits until every watcher has looked several times more.
        private func watchersLook(_ deployment: Deployment) async throws {
            for server in deployment.servers {
                let name = "holdfast_drift_audits_total"
                let before = try await Page(server, "/metrics").metric(name) ?? 0
                for attempt in 0... {
                    if try await Page(server, "/metrics").metric(name) ?? 0 >= before + 8 { break }
                    guard attempt < 3_000 else { throw HarnessFailure(description: "no audits") }
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
        }

        private func repaired(_ sku: String, _ deployment: Deployment) throws -> DriftRun {
            try DriftRun(deployment, ["repair", "\(sku)@N1", "--yes"])
        }

        @Test(arguments: [5, -3, 400])
        func `a wrong view under load is found to the unit, attributed and repaired`(
            units: Int
        ) async throws {
            let deployment = try Deployment(servers: 2)
            let callers = try await deployment.callers(4)
            try await callers[0].receive([Units("HOT", 100_000), Units("IDLE", 10)])
            let load = SteadyLoad(callers, sku: "HOT")
            async let running = load.run("drift\(units)")
            try await load.goesOn(by: 60)
            try await watchersLook(deployment)
            #expect(try DriftRun(deployment, ["--sku", "HOT"]).status == 0)
            let before = try deployment.number("SELECT version FROM positions WHERE sku = 'HOT'")
            try deployment.redisCommand("HINCRBY", try key("HOT", deployment), "f", "\(units)")
            let after = try deployment.number("SELECT version FROM positions WHERE sku = 'HOT'")
            try await load.goesOn(by: 10)
            for server in [0, 1] {
                let found = try DriftRun(deployment, ["--sku", "HOT"], server: server)
                #expect(found.status == 7, "\(found.errors)")
                #expect(found.findings == ["VIEW \(units > 0 ? "+" : "")\(units)"])
                #expect(found.positions.first?["drift"] as? Int == units)
            }
            try alarm("HOT", 1, deployment)
            let explained = try DriftRun(deployment, ["explain", "HOT@N1"])
            #expect(explained.status == 7)
            let finding = explained.finding
            // It happened between two audits, and the commands between them stand there.
            #expect(finding["clean_version"] as? Int ?? .max <= after)
            #expect(finding["since_version"] as? Int ?? .max <= after + 1)
            #expect(finding["since_version"] as? Int ?? 0 > before - 5_000)
            #expect((finding["since_batch"] as? Int ?? 0) > 0)
            let entry = try #require(finding["entry"] as? [String: Any])
            #expect(entry["batch"] as? Int == finding["since_batch"] as? Int)
            #expect((explained["entries"] as? [Any])?.isEmpty == false)
            #expect(deployment.servers.contains { $0.errors.contains("stock drifts") })

            let dry = try DriftRun(deployment, ["repair", "HOT@N1"])
            #expect(dry.status == 7)
            #expect(try DriftRun(deployment, ["--sku", "HOT"]).status == 7, "a dry run repaired")
            // A view in so much use may change at every attempt: then one is told to try again.
            var repair = try repaired("HOT", deployment)
            for _ in 0..<10 where repair.status == 7 { repair = try repaired("HOT", deployment) }
            #expect(repair.status == 0, "\(repair.errors)")
            try await load.goesOn(by: 30)
            #expect(try DriftRun(deployment, ["--all"]).status == 0)
            try alarm("HOT", 3, deployment)
            load.end()
            let record = try await running
            #expect(record.faults == [] && record.reserved > 20)
            try expectSound(deployment, atLeast: 20, viewed: 1)
        }

        @Test func `an edit in Postgres under load is found, attributed and written back`()
            async throws
        {
            let deployment = try Deployment(servers: 2)
            let callers = try await deployment.callers(4)
            try await callers[0].receive([Units("EDIT", 100_000)])
            let load = SteadyLoad(callers, sku: "EDIT")
            async let running = load.run("edit")
            try await load.goesOn(by: 60)
            let id = try id("EDIT", deployment)
            for (edit, units) in [("on_hand = on_hand + 7", 7), ("held = held + 2", -2)] {
                let version = try deployment.number(
                    "UPDATE positions SET \(edit) WHERE id = \(id) RETURNING version"
                )
                try await load.goesOn(by: 20)
                let found = try DriftRun(deployment, ["--sku", "EDIT"])
                #expect(found.status == 7)
                #expect(found.findings == ["LEDGER \(units > 0 ? "+" : "")\(units)"])
                // The first row after the edit is where the sums part; or the last one before it, if a
                // watcher saw the edited position before anything was committed there.
                let since = try #require(found.finding["since_version"] as? Int)
                #expect(since == version + 1 || since == version)
                let batch = try deployment.number(
                    """
                    SELECT batch FROM position_ledger WHERE position = \(id)
                        AND version = \(since) AND step = 0
                    """
                )
                #expect(found.finding["since_batch"] as? Int == batch)
                let repair = try repaired("EDIT", deployment)
                #expect(repair.status == 0, "\(repair.errors)")
                try await load.goesOn(by: 20)
                #expect(try DriftRun(deployment, ["--all"]).status == 0)
            }
            try alarm("EDIT", 3, deployment)
            load.end()
            let record = try await running
            #expect(record.faults == [])
            let address = "127.0.0.1:\(deployment.servers[0].grpcPort)"
            let verify = try Binary.run([Binary.path, "ledger", "verify", "--server", address])
            #expect(verify.status == 0, "\(verify.errors)")
            #expect(verify.output.contains("the ledger is whole"))
            #expect(verify.output.contains("REPAIRED"))
            // What was edited and written back stands in the ledger for ever; all else is sound.
            let findings = try Auditor(deployment: deployment).findings()
                .filter { !$0.hasPrefix("a row of the ledger does not follow") }
            #expect(findings == [])
            let rows = "SELECT count(*) FROM position_ledger WHERE reason = 'DRIFT'"
            #expect(try deployment.number(rows) == 2)
        }

        @Test func `keys that go, holds that are miscounted and damaged views`() async throws {
            let deployment = try Deployment()
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("KEYS", 100)])
            _ = try await caller.reserve([Units("KEYS", 2)])
            let key = try key("KEYS", deployment)
            let find = ["--sku", "KEYS"]
            #expect(try DriftRun(deployment, find).status == 0)

            try deployment.redisCommand("DEL", key)
            let missing = try DriftRun(deployment, find)
            #expect(missing.status == 0)
            #expect(missing.positions.first?["is_viewed"] as? Bool ?? false == false)

            _ = try await caller.reserve([Units("KEYS", 1)])
            try deployment.redisCommand("HINCRBY", key, "h", "4")
            #expect(try DriftRun(deployment, find).findings == ["PENDING +4"])
            #expect(try repaired("KEYS", deployment).status == 0)

            _ = try await caller.reserve([Units("KEYS", 1)])
            try deployment.redisCommand("HSET", key, "f", "lots")
            #expect(try DriftRun(deployment, find).findings == ["UNREADABLE 0"])
            #expect(try repaired("KEYS", deployment).status == 0)

            _ = try await caller.reserve([Units("KEYS", 1)])
            #expect(try deployment.number("SELECT version FROM positions") == 5)
            try deployment.redisCommand("HSET", key, "w", "905")
            let lost = try DriftRun(deployment, find)
            #expect(lost.findings == ["LOST_COMMITS 0"] && lost.status == 7)
            let left = try repaired("KEYS", deployment)
            #expect(left.status == 7)
            #expect(try deployment.redisCommand("HGET", key, "w") == "905", "evidence was dropped")
            try deployment.redisCommand("DEL", key)
            #expect(try DriftRun(deployment, ["--all"]).status == 0)
            #expect(try await caller.reserve([Units("KEYS", 1)]).state == .held)
        }

        @Test func `what is withheld from a channel, edited in Redis and in Postgres`()
            async throws
        {
            let deployment = try Deployment()
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("SHY", 10)])
            try await caller.setSafety("SHY", 8, channel: "web")
            _ = try await caller.reserve([Units("SHY", 1)], channel: "web")
            let find = ["--sku", "SHY"]
            #expect(try DriftRun(deployment, find).status == 0)

            // The view lets a channel have what is kept from it.
            try deployment.redisCommand("HSET", try key("SHY", deployment), "c:web", "2:3")
            let shown = try DriftRun(deployment, find)
            #expect(shown.findings == ["CHANNEL -5"] && shown.status == 7)
            try alarm("SHY", 1, deployment)
            #expect(try repaired("SHY", deployment).status == 0)
            await #expect(throws: Status.self) {
                _ = try await caller.reserve([Units("SHY", 2)], channel: "web")
            }

            _ = try deployment.number(
                "UPDATE channel_safety SET quantity = 2 RETURNING quantity"
            )
            let stored = try DriftRun(deployment, find)
            #expect(stored.findings == ["CHANNEL_LEDGER -6"] && stored.status == 7)
            #expect(try repaired("SHY", deployment).status == 0)
            #expect(try deployment.number("SELECT quantity FROM channel_safety") == 8)
            #expect(try DriftRun(deployment, ["--all"]).status == 0)
            _ = try await caller.reserve([Units("SHY", 1)], channel: "web")
            #expect(try DriftRun(deployment, ["--all"]).status == 0)
        }

        @Test func `a loaded run in which nothing was injected raises no alarm`() async throws {
            let deployment = try Deployment(
                servers: 2,
                settings: ["--drift-interval-ms": "50", "--loops": "2"],
            )
            let callers = try await deployment.callers(6)
            let skus = (0..<5).map { "CLEAN-\($0)" }
            try await callers[0].receive(skus.map { Units($0, 300) })
            let load = Load(callers, resolvePercent: 60)
            async let running = load.run(tasks: 12, attempts: 60 * Self.scale, seed: 77) { random in
                skus.shuffled(using: &random).prefix(2)
                    .map { Units($0, Int64.random(in: 1...3, using: &random)) }
            }
            var audited = 0
            var rounds = 0
            while load.answered < 700 * Self.scale {
                let found = try DriftRun(deployment, ["--all", "--clean"], server: rounds % 2)
                #expect(found.status == 0, "\(found.positions.filter { $0["findings"] != nil })")
                audited += found.audited
                rounds += 1
            }
            let record = try await running
            #expect(record.acknowledged.count > 100 && record.unanswered == 0)
            #expect(audited >= 5 * rounds && rounds > 3)
            #expect(try deployment.number("SELECT count(*) FROM drift_events") == 0)
            for server in deployment.servers {
                let page = try await Page(server, "/metrics")
                #expect(page.metric("holdfast_drift_alarms_total") == 0)
                #expect(page.metric("holdfast_drift_positions") == 0)
                #expect(page.metric("holdfast_drift_audits_total") ?? 0 > 50)
                #expect(!server.errors.contains("stock drifts"), "\(server.errors)")
            }
            try expectSound(deployment, atLeast: 100, viewed: 5)
        }

        // MARK: Commands

        @Test func `tables for people, and statuses for scripts`() async throws {
            let guarded = try GuardedDeployment()
            let ops = try await guarded.caller("ops")
            try await ops.receive([Units("SHOW", 20), Units("SHOW", 5, at: "N2")])
            _ = try await guarded.caller("checkout").reserve([Units("SHOW", 2)])
            func drift(_ arguments: String..., by name: String = "ops") throws -> Ended {
                try Binary.run(
                    [
                        "env", "HOLDFAST_TOKEN=\(guarded.tokens[name] ?? "")", Binary.path, "drift",
                    ] + arguments + ["--server", "127.0.0.1:\(guarded.server.grpcPort)"]
                )
            }
            let clean = try drift("--sku", "SHOW")
            #expect(clean.status == 0 && clean.errors.isEmpty)
            let lines = clean.output.split(separator: "\n")
            #expect(lines.count == 4 && lines[0].hasPrefix("POSITION"))
            #expect(lines[1].firstMatch(of: /^SHOW@N1 +18 +18 +0 +0 +0$/) != nil, "\(lines[1])")
            #expect(lines[3] == "audited 2 positions: no drift; 0 behind, 0 units in flight")

            let key = try key("SHOW", guarded.deployment)
            try guarded.deployment.redisCommand("HINCRBY", key, "f", "2")
            let found = try drift("--node", "N1", by: "desk")
            #expect(found.status == 7)
            #expect(found.output.contains("view"))
            #expect(found.output.contains("drift at 1, at most 2 units"))
            #expect(found.errors.contains("hint: holdfast drift explain"))
            let explained = try drift("explain", "SHOW@N1", by: "desk")
            #expect(explained.status == 7)
            #expect(explained.output.contains("reserved by checkout"))
            #expect(try drift("repair", "SHOW@N1", "--yes", by: "desk").status == 6)
            #expect(try drift("--all", by: "checkout").status == 6)
            let dry = try drift("repair", "--all")
            #expect(dry.status == 7 && dry.output.contains("dry run"))
            #expect(try drift("repair", "--all", "--yes").status == 0)
            #expect(try drift("--all").output == "audited 2 positions: no drift\n")
            #expect(try drift("explain", "SHOW@N1").output.contains("repaired"))
            #expect(try drift("repair", "SHOW@N1").output == "nothing to repair: no drift\n")
            #expect(try drift("--watch", "--count", "2", "--interval", "0.1").status == 0)

            #expect(try drift("--sku", "NONE").status == 4)
            #expect(try drift("--node", "NOWHERE").status == 4)
            #expect(try drift("explain", "SHOW@N3").status == 4)
            #expect(try drift("repair", "NONE@N1").status == 4)
            #expect(try drift("--all", "--sku", "SHOW").status == 2)
            #expect(try drift("repair").status == 2)
            #expect(try drift("explain", "SHOW").status == 2)
            #expect(try drift("explain", "SHOW@N1", "--rows", "0").status == 2)
            let wrong = try drift("--sku", String(repeating: "x", count: 65))
            #expect(wrong.status == 2 && wrong.errors.contains("sku"))
            let nobody = ["--server", "127.0.0.1:1", "--timeout", "2"]
            #expect(try Binary.run([Binary.path, "drift", "--all"] + nobody).status == 5)
            for command in [[], ["show"], ["explain"], ["repair"]] {
                let help = try Binary.run([Binary.path, "drift"] + command + ["--help"])
                #expect(help.status == 0)
                #expect(help.output.contains("EXAMPLES"))
            }
        }
    }
}
