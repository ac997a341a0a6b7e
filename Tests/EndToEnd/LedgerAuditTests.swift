// Rows 38, 39 and 42 of the list of features, through the commands and a real server: a ledger that
// cannot be rewritten in silence, any moment of it, and cycle counts.

import Foundation
import Messages
import RPC
import TestServers
import Testing

@Suite struct `Rows 38 and 39, the audited ledger` {
    private func run(_ deployment: Deployment, _ arguments: [String]) throws -> Ended {
        let address = "127.0.0.1:\(deployment.server.grpcPort)"
        return try Binary.run([Binary.path] + arguments + ["--server", address])
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// Waits until a server has sealed everything; returns the digest.
    private func sealed(_ deployment: Deployment) throws -> String {
        try waitUntil(seconds: 30, "the seals") {
            let head = try? object(try run(deployment, ["ledger", "head", "--json"]).output)
            return head?["unsealed_rows"] as? Int == 0 && head?["seal"] as? Int ?? 0 > 0
        }
        let head = try object(try run(deployment, ["ledger", "head", "--json"]).output)
        return try #require(head["digest"] as? String)
    }

    @Test func `a server serves as a role that cannot rewrite the ledger`() async throws {
        let deployment = try Deployment()
        let caller = try await Caller(deployment.server)
        try await caller.receive([Units("ROLE", 10)])
        _ = try await caller.reserve([Units("ROLE", 1)])
        let serving = try deployment.sql(
            "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'holdfast s%'"
        )
        #expect(!serving.isEmpty)
        let asServer = deployment.conninfo + " options='-c role=holdfast_server'"
        for table in ["position_ledger", "reservation_events", "order_events", "ledger_seals"] {
            #expect(throws: (any Error).self) {
                try deployment.postgres.sql("DELETE FROM \(table)", on: asServer)
            }
            // Whoever reads is not refused: it was the deletion that was.
            try deployment.postgres.sql("SELECT count(*) FROM \(table)", on: asServer)
        }
        let owning = try Binary.run([
            Binary.path, "serve", "--postgres", deployment.conninfo, "--redis",
            "unix:\(deployment.redis.socketPath)", "--grpc-port", "0", "--admin-port", "0",
            "--postgres-role", "postgres",
        ])
        #expect(owning.status == 1)
        #expect(owning.errors.contains("could rewrite the ledger"))
    }

    @Test func `verify finds what was changed, and tells by status and place`() async throws {
        let deployment = try Deployment(settings: ["--seal-interval-ms": "50"])
        let caller = try await Caller(deployment.server)
        try await caller.receive([Units("WHOLE", 100)])
        for _ in 0..<5 { _ = try await caller.reserve([Units("WHOLE", 2)]) }
        let digest = try sealed(deployment)
        let whole = try run(deployment, ["ledger", "verify", "--expect", digest])
        #expect(whole.status == 0, "\(whole)")
        #expect(whole.output.contains("the ledger is whole"))
        let strange = String(repeating: "0", count: 64)
        let other = try run(deployment, ["ledger", "verify", "--expect", strange])
        #expect(other.status == 8)
        #expect(other.output.contains("IS NOT IN THE CHAIN"))
        #expect(try run(deployment, ["ledger", "verify", "--expect", "abc"]).status == 2)

        try deployment.sql("UPDATE position_ledger SET reason = 'stolen' WHERE version = 3")
        let changed = try run(deployment, ["ledger", "verify", "--json"])
        #expect(changed.status == 8)
        let report = try object(changed.output)
        #expect(report["is_whole"] as? Bool == false)
        let findings = report["findings"] as? [[String: Any]] ?? []
        #expect(findings.count == 1, "\(findings)")
        #expect(findings.first?["fault"] as? String == "ROW_CHANGED")
        #expect(
            findings.first?["place"] as? String == "position_ledger WHOLE@N1 version 3 step 0"
        )
        try deployment.sql("UPDATE position_ledger SET reason = '' WHERE version = 3")
        #expect(try run(deployment, ["ledger", "verify"]).status == 0)
        let metrics = try await Page(deployment.server, "/metrics").text
        #expect(metrics.contains("holdfast_ledger_sealed_rows_total"))
        #expect(metrics.contains("holdfast_ledger_seal_lag_seconds"))
    }

    @Test func `moments that were recorded under load come back to the byte`() async throws {
        let deployment = try Deployment(servers: 2, settings: ["--seal-interval-ms": "100"])
        let callers = try await deployment.callers(4)
        try await callers[0].receive((0..<4).map { Units("M\($0)", 5_000) })
        let recorded = try await withThrowingTaskGroup(of: [(String, String)].self) { group in
            for (number, caller) in callers.enumerated() {
                group.addTask {
                    for round in 0..<60 {
                        let units = [Units("M\(round % 4)", 1), Units("M\((round + 1) % 4)", 2)]
                        let held = try await caller.reserve(units)
                        switch (round + number) % 4 {
                        case 0: _ = try await caller.release(held.id)
                        case 1: _ = try await caller.confirm(held.id)
                        case 2: _ = try await caller.change(held.id, [Units("M\(round % 4)", 3)])
                        default: break
                        }
                    }
                    return []
                }
            }
            group.addTask {
                var recorded: [(String, String)] = []
                for goal in stride(from: 20, through: 200, by: 20) {
                    // In the middle of the load, not before it.
                    for _ in 0..<2_000 {
                        if try deployment.number("SELECT count(*) FROM reservations") >= goal {
                            break
                        }
                        try await Task.sleep(for: .milliseconds(10))
                    }
                    recorded.append(try record(deployment))
                }
                return recorded
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let folder = try TestFolder()
        #expect(Set(recorded.map(\.1)).count > 3, "moments that are all the same prove nothing")
        for (moment, lines) in recorded {
            let first = try run(deployment, ["stock", "as-of", moment, "--json"])
            #expect(first.status == 0, "\(first.errors)")
            let rebuilt = first.output.split(separator: "\n").dropFirst().dropLast()
                .map { $0 + "\n" }.joined()
            #expect(rebuilt == lines, "\(moment)")
            let file = try folder.write(lines, as: "lines")
            let digest = String(try Binary.run(["sha256sum", file]).output.prefix(64))
            #expect(first.output.contains("{\"digest\":\"\(digest)\",\"kind\":\"digest\""))
            #expect(try run(deployment, ["stock", "as-of", moment, "--json"]) == first)
            #expect(
                try run(deployment, ["stock", "as-of", moment, "--digest"]).output == digest + "\n"
            )
        }
        #expect(try run(deployment, ["ledger", "verify"]).status == 0)
        try expectSound(deployment)
        #expect(try run(deployment, ["stock", "as-of", "2099-01-01"]).status == 2)
        #expect(try run(deployment, ["stock", "as-of", "yesterday"]).status == 2)
    }

    /// A moment, and its lines as SQL makes them of the tables while the lock of the shard keeps all
    /// writers out.
    private func record(_ deployment: Deployment) throws -> (String, String) {
        let text = try deployment.sql(
            """
            BEGIN;
            DO $$ BEGIN PERFORM pg_advisory_xact_lock(7301, 0); END $$;
            SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
            SELECT format('{"allocated":%s,"available":%s,"channel_safety":[],"damaged":0,'
                '"in_transit":0,"kind":"position","node":"%s","on_hand":%s,"quality_control":0,'
                '"reserved":%s,"safety":0,"sku":"%s","version":%s}', allocated, free, node, on_hand,
                held, sku, version) FROM positions ORDER BY sku, node;
            SELECT format('{"channel":"","created_at":"%s","expires_at":"%s","id":"%s",'
                '"kind":"reservation","lines":[%s],"order_id":"","owner":"%s","state":"%s",'
                '"transferred_to":""}',
                to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), key,
                (SELECT string_agg(format('{"confirmed":%s,"held":%s,"node":"%s","quantity":%s,'
                    '"sku":"%s"}', c, h, p.node, q, p.sku), ',' ORDER BY n)
                    FROM unnest(positions, quantities, held, confirmed) WITH ORDINALITY
                    AS u(id, q, h, c, n) JOIN positions p ON p.id = u.id),
                owner, (ARRAY['HELD', 'PARTIALLY_CONFIRMED', 'CONFIRMED', 'RELEASED'])[state])
                FROM reservations ORDER BY key;
            COMMIT;
            """
        )
        let lines = text.split(separator: "\n")
        return (
            String(try #require(lines.first)), lines.dropFirst().map { $0 + "\n" }.joined()
        )
    }
}

@Suite struct `Row 42, cycle counts` {
    @Test func `a count goes from the sheet to the ledger, by two people`() async throws {
        let guarded = try GuardedDeployment()
        let root = try await guarded.caller("root")
        try await root.receive([Units("COUNT", 20)])
        let held = try await root.reserve([Units("COUNT", 18)])

        let proposed = try run(
            guarded,
            as: "ops",
            ["count", "propose", "COUNT@N1=15", "--reference", "sheet 12", "--key", "c-1"]
        )
        let id = try #require(proposed["id"] as? String)
        #expect(proposed["state"] as? String == "COUNT_STATE_PROPOSED")
        #expect(proposed["difference"] as? Int == -5)
        #expect(proposed["short_units"] as? Int == 3)
        let short = (proposed["short_holds"] as? [[String: Any]])?.first
        #expect(short?["reservation_id"] as? String == held.id)
        #expect(short?["short"] as? Int == 3)
        #expect(short?["quantity"] as? Int == 18)
        // The same sheet again is the same count.
        let again = ["count", "propose", "COUNT@N1=15", "--reference", "sheet 12", "--key", "c-1"]
        #expect(try run(guarded, as: "ops", again)["id"] as? String == id)
        #expect(
            try ended(guarded, as: "ops", ["count", "propose", "COUNT@N1=16", "--key", "c-1"])
                .status == 3
        )

        // Neither may the counter approve it, nor somebody who only reads.
        let own = try ended(guarded, as: "ops", ["count", "approve", id])
        #expect(own.status == 6)
        #expect(own.errors.contains("OWN_PROPOSAL"))
        #expect(try ended(guarded, as: "desk", ["count", "approve", id]).status == 6)
        #expect(try run(guarded, as: "desk", ["count", "show", id])["short_units"] as? Int == 3)
        let refused = try ended(guarded, as: "root", ["count", "approve", id])
        #expect(refused.status == 3)
        #expect(refused.errors.contains("NOT_ENOUGH"))

        let part = try run(guarded, as: "root", ["count", "approve", id, "--part", "--key", "a-1"])
        #expect(part["state"] as? String == "COUNT_STATE_PARTLY_APPLIED")
        #expect(part["applied"] as? Int == -2)
        #expect(try await root.position("COUNT").available == 0)
        #expect(
            try run(guarded, as: "root", ["count", "approve", id, "--part", "--key", "a-1"])[
                "applied"
            ] as? Int == -2
        )

        // Once the hold is given back, the rest goes.
        _ = try await root.release(held.id)
        let rest = try run(guarded, as: "root", ["count", "approve", id, "--key", "a-2"])
        #expect(rest["state"] as? String == "COUNT_STATE_APPLIED")
        #expect(rest["applied"] as? Int == -5)
        #expect((rest["history"] as? [Any])?.count == 3)
        #expect(try await root.position("COUNT").available == 15)
        #expect(try ended(guarded, as: "root", ["count", "reject", id, "--note", "x"]).status == 3)
        let entries = try await root.ledger("COUNT").filter { $0.kind == .adjusted }
        #expect(entries.map(\.onHandDelta) == [-3, -2])
        #expect(entries.allSatisfy { $0.reason == "COUNT" && $0.reference == "count \(id)" })
        #expect(entries.allSatisfy { $0.principal == "root" })
        // What the gate heard is what is sold.
        _ = try await root.reserve([Units("COUNT", 15)])
        #expect(try await refusal { try await root.reserve([Units("COUNT", 1)]) } != nil)
        try expectSound(guarded.deployment, viewed: 1)
    }

    @Test func `a count is held against the books of its moment`() async throws {
        let guarded = try GuardedDeployment()
        let root = try await guarded.caller("root")
        try await root.receive([Units("LATE", 50)])
        let moment = try guarded.deployment.sql(
            "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        )
        try await root.receive([Units("LATE", 30)])
        let count = try run(
            guarded,
            as: "ops",
            ["count", "propose", "LATE@N1=52", "--at", moment, "--reason", "found"]
        )
        #expect(count["expected"] as? Int == 50)
        #expect(count["difference"] as? Int == 2)
        let id = try #require(count["id"] as? String)
        let done = try run(guarded, as: "root", ["count", "approve", id])
        #expect((done["position"] as? [String: Any])?["on_hand"] as? Int == 82)
        let none = try run(guarded, as: "ops", ["count", "propose", "LATE@N1=82"])
        let noneID = try #require(none["id"] as? String)
        let rejected = try run(
            guarded,
            as: "root",
            ["count", "reject", noneID, "--note", "not needed"]
        )
        #expect(rejected["state"] as? String == "COUNT_STATE_REJECTED")
        let list = try run(guarded, as: "desk", ["count", "list", "--state", "rejected"])
        #expect((list["counts"] as? [[String: Any]])?.map { $0["id"] as? String } == [noneID])
        #expect(try ended(guarded, as: "ops", ["count", "propose", "NONE@N1=1"]).status == 4)
        #expect(try ended(guarded, as: "ops", ["count", "propose", "LATE@N1=-1"]).status == 2)
        #expect(
            try ended(guarded, as: "ops", ["count", "show", held]).status == 4
        )
        try expectSound(guarded.deployment, atLeast: 0)
    }

    /// An id that nothing has.
    private let held = "0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa"

    private func ended(
        _ guarded: GuardedDeployment,
        as name: String,
        _ arguments: [String],
    ) throws -> Ended {
        let token = try guarded.folder.write(guarded.tokens[name] ?? "", as: "token-\(name)")
        return try Binary.run(
            [Binary.path] + arguments + [
                "--server", "127.0.0.1:\(guarded.server.grpcPort)", "--token-file", token, "--json",
            ]
        )
    }

    private func run(
        _ guarded: GuardedDeployment,
        as name: String,
        _ arguments: [String],
    ) throws -> [String: Any] {
        let ended = try ended(guarded, as: name, arguments)
        #expect(ended.status == 0, "\(arguments): \(ended.errors)")
        return try JSONSerialization.jsonObject(with: Data(ended.output.utf8)) as? [String: Any]
            ?? [:]
    }
}
