// Who may do what, on a real server: every role against every method, channels that see only
// themselves, the principal on every row, through our client, Python's and the commands.

import API
import Foundation
import Messages
import RPC
import TestServers
import Testing

@Suite(.serialized) struct AccessTests {
    private static let guarded = Result { try GuardedDeployment() }

    /// The code that a call with an empty message ends with.
    private func code(_ path: String, _ token: String?) async throws -> StatusCode {
        let caller = try await Caller(try Self.guarded.get().server, token: token)
        // Health is watched until the caller has had enough.
        let timeoutMs: Int64 = path.hasSuffix("/Watch") ? 200 : 20_000
        let status = try await refusal {
            try await caller.bytes(path, Holdfast_V1_StockAnswer(), timeoutMs: timeoutMs)
        }
        await caller.client.close()
        return status?.code ?? .ok
    }

    @Test(arguments: ServedMethods.paths)
    func `every role is let in or refused as the table says`(path: String) async throws {
        let guarded = try Self.guarded.get()
        let rule = try #require(AccessTable.rules[path])
        let roles: [(name: String, roles: Roles)] = [
            ("checkout", .caller), ("web", .channel), ("both", [.support, .channel]),
            ("desk", .support), ("ops", .operator), ("root", .admin),
        ]
        for (name, roles) in roles {
            let code = try await code(path, guarded.tokens[name])
            #expect((code != .permissionDenied) == rule.admits(roles), "\(name): \(code)")
            #expect(code != .unauthenticated && code != .unimplemented, "\(name): \(code)")
        }
        for token in [nil, "wrong", "hf_" + String(repeating: "A", count: 43)] {
            let code = try await code(path, token)
            #expect((code == .unauthenticated) == (rule != .anybody), "\(token ?? "none")")
            #expect(code != .permissionDenied, "\(token ?? "none")")
        }
    }

    @Test(arguments: Client.available)
    func `an administrator calls every method`(client: Client) async throws {
        let guarded = try Self.guarded.get()
        let tokens = ["": guarded.tokens["root"] ?? ""]
        let outcome = try await client.run(["calls.json"], on: guarded.server, tokens: tokens)
        #expect(outcome.steps >= 40)
        #expect(outcome.problems == [])
    }

    @Test(arguments: Client.available)
    func `channels act for themselves and find nothing of each other`(
        client: Client
    ) async throws {
        let guarded = try Self.guarded.get()
        let tokens = guarded.tokens.merging(["wrong": "hf_wrong"]) { $1 }
        let outcome = try await client.run(["access.json"], on: guarded.server, tokens: tokens)
        #expect(outcome.steps >= 50)
        #expect(outcome.problems == [])
        try expectSound(guarded.deployment)
    }

    @Test func `the caller stands on every row, whatever it says of itself`() async throws {
        let guarded = try Self.guarded.get()
        var claim = Metadata()
        try claim.add("x-holdfast-principal", "root")
        try claim.add("x-request-id", "row-test")
        try await guarded.caller("ops")
            .receive([Units("ROW", 10)], metadata: claim)
        let held = try await guarded.caller("checkout")
            .reserve([Units("ROW", 2)], channel: "web", metadata: claim)
        var place = Holdfast_V1_PlaceOrderRequest()
        place.idempotencyKey = "row"
        place.channel = "web"
        place.externalID = "row"
        place.currency = "GBP"
        place.reservationID = held.id
        var line = Holdfast_V1_PlaceOrderLine()
        line.sku = "ROW"
        line.node = "N1"
        line.quantity = 2
        place.lines = [line]
        let placed: Holdfast_V1_Order = try await guarded.caller("web")
            .call(Path.order("PlaceOrder"), place, metadata: claim)
        var ship = Holdfast_V1_ShipOrderRequest()
        ship.id = placed.id
        ship.idempotencyKey = "row-ship"
        let shipped: Holdfast_V1_Order = try await guarded.caller("ops")
            .call(Path.order("ShipOrder"), ship, metadata: claim)
        #expect(shipped.history.map(\.principal) == ["web", "ops"])

        let desk = try await guarded.caller("desk")
        let entries = try await desk.ledger("ROW")
        #expect(entries.map(\.kind) == [.shipped, .allocated, .reserved, .received])
        let principals = entries.map { entry in
            entry.causes.isEmpty ? [entry.principal] : entry.causes.map(\.principal)
        }
        #expect(principals == [["ops"], ["web"], ["checkout"], ["ops"]])
        let sql = "SELECT count(*) FROM position_ledger WHERE principal IN ('root', 'anonymous')"
        #expect(try guarded.deployment.number(sql + " AND request_id = 'row-test'") == 0)
    }

    @Test func `an open server believes what a call says of itself`() async throws {
        let deployment = try Deployment()
        var claim = Metadata()
        try claim.add("x-holdfast-principal", "somebody")
        let caller = try await Caller(deployment.server)
        try await caller.receive([Units("OPEN", 1)], metadata: claim)
        #expect(try await caller.ledger("OPEN").map(\.principal) == ["somebody"])
    }

    // MARK: Commands

    @Test func `commands send their token, and say so when it is missing`() throws {
        let guarded = try Self.guarded.get()
        let token = try guarded.folder.write((guarded.tokens["ops"] ?? "") + "\n", as: "ops.token")
        let call = [
            Binary.path, "stock", "receive", "CMD@N1=3", "--server",
            "127.0.0.1:\(guarded.server.grpcPort)",
        ]
        #expect(try Binary.run(call + ["--token-file", token]).status == 0)
        #expect(try Binary.run(["env", "HOLDFAST_TOKEN_FILE=\(token)"] + call).status == 0)
        let variable = "HOLDFAST_TOKEN=\(guarded.tokens["ops"] ?? "")"
        #expect(try Binary.run(["env", variable] + call).status == 0)
        let without = try Binary.run(call)
        #expect(without.status == 6)
        #expect(without.errors.contains("hint: --token-file FILE"))
        #expect(!without.errors.contains("--key"))
        let desk = "HOLDFAST_TOKEN=\(guarded.tokens["desk"] ?? "")"
        let denied = try Binary.run(["env", desk] + call + ["--json"])
        #expect(denied.status == 6)
        #expect(denied.errors.contains(#""code":"PERMISSION_DENIED""#))
    }

    @Test func `tokens are made, listed, revoked and checked`() throws {
        let folder = try TestFolder()
        let file = ["--file", folder.path + "/access.json"]
        func access(_ arguments: String...) throws -> Ended {
            try Binary.run([Binary.path, "access"] + arguments + file)
        }
        #expect(try access("token", "shop").status == 2)
        #expect(try access("token", "shop", "--roles", "chanel").status == 2)
        #expect(try access("token", "shop", "--roles", "channel").status == 2)
        #expect(!FileManager.default.fileExists(atPath: file[1]))
        let made = try access("token", "shop", "--roles", "caller,channel", "--channel", "web")
        #expect(made.status == 0)
        let token = made.output.trimmingCharacters(in: .newlines)
        #expect(token.hasPrefix("hf_") && token.utf8.count == 46)
        let text = try String(contentsOfFile: file[1], encoding: .utf8)
        #expect(!text.contains(token) && !made.errors.contains(token))
        let hash = TokenHash(token: token.utf8)
        #expect(text.contains(hash.text))
        #expect(try access("token", "shop", "--roles", "admin").status == 3)
        #expect(try access("token", "shop", "--channel", "app").status == 3)
        let second = try access("token", "shop", "--expires", "2020-01-01", "--json")
        #expect(second.status == 0 && second.output.contains(#""token":"hf_"#))

        let list = try access("list")
        #expect(list.output.contains("token \(hash.id)") && list.output.contains("expired"))
        #expect(try access("list", "--json").output.contains(#""id":"\#(hash.id)","state":"good""#))
        #expect(try access("check").output == "good: 1 caller, 2 tokens, 0 certificate names\n")
        #expect(try access("revoke", "shop", "--token", "00000000").status == 4)
        #expect(try access("revoke", "shop", "--token", hash.id).status == 0)
        #expect(try !access("list").output.contains(hash.id))
        #expect(try access("revoke", "shop", "--json").output.contains(#""is_gone":true"#))
        #expect(try access("revoke", "shop").status == 4)
        #expect(try access("check", "--json").output.contains(#""callers":0"#))

        _ = try folder.write(#"{"callers": [{"name": "x", "roles": ["admn"]}]}"#, as: "access.json")
        let wrong = try access("check")
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("callers[0].roles[0]: is \"admn\", which is no role"))
        #expect(try Binary.run([Binary.path, "access", "check"]).status == 2)
        #expect(try Binary.run([Binary.path, "access", "--help"]).output.contains("EXAMPLES"))
    }

    @Test func `a server does not start with an access file that is wrong`() throws {
        let folder = try TestFolder()
        let file = try folder.write(#"{"callers": [{"name": "x"}]}"#, as: "access.json")
        let ended = try Binary.run([
            Binary.path, "serve", "--postgres", "host=/nowhere", "--redis", "unix:/nowhere",
            "--access-file", file,
        ])
        #expect(ended.status == 2)
        #expect(ended.errors.contains("callers[0].roles"))
    }
}
