// The command line as people and scripts use it: every command against a real server, its words, its
// JSON and its exit status.

import Foundation
import TestServers
import Testing

@Suite(.serialized) struct CommandLineTests {
    private static let deployment = Result { try Deployment() }

    private func run(_ arguments: String..., json: Bool = false) throws -> Ended {
        let server = try Self.deployment.get().server
        let all = [Binary.path] + arguments + ["--server", "127.0.0.1:\(server.grpcPort)"]
        return try Binary.run(all + (json ? ["--json"] : []))
    }

    /// The one JSON object that a command printed.
    private func object(_ text: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func json(_ arguments: String...) throws -> [String: Any] {
        let server = try Self.deployment.get().server
        let all = arguments + ["--server", "127.0.0.1:\(server.grpcPort)", "--json"]
        let ended = try Binary.run([Binary.path] + all)
        #expect(ended.status == 0, "\(arguments): \(ended.errors)")
        return try object(ended.output)
    }

    @Test func `commands about stock say what they did`() throws {
        let received = try run("stock", "receive", "C1@N1=20", "C1@N2=5", "C2@N1=9")
        #expect(received.status == 0, "\(received.errors)")
        #expect(received.output.contains("C1"))
        #expect(try run("stock", "adjust", "C1@N1=-2", "--reason", "damage").status == 0)
        #expect(try run("stock", "safety", "C1@N1=3").status == 0)
        #expect(try run("stock", "safety", "C1@N1=1", "--channel", "web").status == 0)
        let moved = try json("stock", "transfer", "C1=4", "--from", "N1", "--to", "N2")
        #expect((moved["positions"] as? [Any])?.count == 2)
        let way = try json(
            "stock",
            "transfer",
            "C1=1",
            "--from",
            "N1",
            "--to",
            "N2",
            "--in-transit",
        )
        let transfer = way["transfer_id"] as? String ?? way["transferId"] as? String ?? ""
        #expect(try run("stock", "transfer", "--land", transfer).status == 0)
        let shown = try json("stock", "show", "C1")
        let positions = shown["positions"] as? [[String: Any]] ?? []
        #expect(positions.count == 2)
        let first = positions.first { $0["node"] as? String == "N1" }
        #expect("\(first?["available"] ?? "")" == "10")
        let table = try run("stock", "show", "C", "--prefix")
        #expect(table.output.contains("C1") && table.output.contains("C2"))
        let ledger = try json("stock", "ledger", "C1@N1", "--all")
        #expect((ledger["entries"] as? [Any])?.count ?? 0 >= 5)
        #expect(try run("stock", "ledger", "C1@N1").output.contains("received"))
    }

    @Test func `commands about reservations and orders say what they did`() throws {
        #expect(try run("stock", "receive", "R1@N1=20").status == 0)
        let held = try json("reserve", "R1@N1=2", "--ttl", "15m", "--owner", "cart", "--key", "k-1")
        let id = try #require(held["id"] as? String)
        #expect(try json("reservation", "show", "--key", "k-1")["id"] as? String == id)
        #expect(try run("reservation", "show", id).output.contains(id))
        #expect(try run("reservation", "extend", id, "--ttl", "30m").status == 0)
        #expect(try run("reservation", "confirm", id, "R1@N1=1").status == 0)
        #expect(try run("reservation", "release", id).status == 0)
        #expect(try run("reserve", "R1@N1=1").status == 0)
        let order = try json(
            "order",
            "place",
            "R1@N1=2:2.55",
            "--channel",
            "web",
            "--external-id",
            "C-1",
            "--currency",
            "GBP",
        )
        let number = try #require(order["id"] as? String)
        #expect(try run("order", "ship", number, "1=1", "--tracking", "JD1").status == 0)
        #expect(try run("order", "cancel", number, "--reason", "call").status == 0)
        let shown = try run("order", "show", "--channel", "web", "--external-id", "C-1")
        #expect(shown.output.contains("C-1"))
        let list = try json("order", "list", "--channel", "web")
        #expect((list["orders"] as? [Any])?.count == 1)
        #expect(try run("order", "list").output.contains("C-1"))
    }

    @Test func `the exit status tells outcomes apart`() throws {
        #expect(try run("stock", "receive", "X1@N1=1").status == 0)
        #expect(try run("reserve", "X1@N1").status == 2)
        #expect(try run("stock", "adjust", "X1@N1=1", "--reason", "other").status == 2)
        let soldOut = try run("reserve", "X1@N1=2", json: true)
        #expect(soldOut.status == 3)
        #expect(soldOut.output.isEmpty)
        let error = try object(soldOut.errors)["error"] as? [String: Any]
        #expect(error?["reason"] as? String == "SOLD_OUT")
        #expect(try run("reserve", "X1@N1=2").errors.contains("SOLD_OUT"))
        #expect(try run("reserve", "nobody@N1=1").status == 4)
        let unknown = "0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa"
        #expect(try run("reservation", "show", unknown).status == 4)
        let nobody = ["reserve", "X1@N1=1", "--server", "127.0.0.1:1", "--timeout", "2"]
        #expect(try Binary.run([Binary.path] + nobody).status == 5)
        #expect(try Binary.run([Binary.path, "serve"]).status == 2)
        #expect(try Binary.run([Binary.path, "--help"]).status == 0)
        #expect(try Binary.run([Binary.path, "--version"]).status == 0)
        #expect(try Binary.run([Binary.path, "steal"]).status == 2)
    }

    @Test func `a file that is imported twice counts once`() throws {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("hf-import-\(UUID().uuidString).csv")
        defer { try? FileManager.default.removeItem(at: file) }
        let rows = (0..<700).map { "I\($0),N1,\($0 % 7 + 1),0" }
        let text = "sku,node,quantity,safety\n" + rows.joined(separator: "\n") + "\n"
        try Data(text.utf8).write(to: file)
        #expect(try run("stock", "import", file.path, "--dry-run").status == 0)
        let deployment = try Self.deployment.get()
        let sum = "SELECT coalesce(sum(on_hand), 0) FROM positions WHERE sku LIKE 'I%'"
        #expect(try deployment.number(sum) == 0)
        let first = try run("stock", "import", file.path)
        #expect(first.status == 0, "\(first.errors)")
        let units = (0..<700).reduce(0) { $0 + $1 % 7 + 1 }
        #expect(try deployment.number(sum) == units)
        #expect(try run("stock", "import", file.path, json: true).status == 0)
        #expect(try deployment.number(sum) == units)
        let bad = file.path + ".bad"
        defer { try? FileManager.default.removeItem(atPath: bad) }
        try Data("sku,node,quantity\nI1,N1,x\n".utf8).write(to: URL(fileURLWithPath: bad))
        #expect(try run("stock", "import", bad).status == 2)
    }

    @Test func `migrate says what it did and does it once`() throws {
        let deployment = try Deployment(servers: 0, isMigrated: false)
        let migrate = [Binary.path, "migrate", "--postgres", deployment.conninfo]
        #expect(try Binary.run(migrate + ["--dry-run"]).output.contains("would apply"))
        let first = try Binary.run(migrate)
        #expect(first.status == 0)
        #expect(first.output.contains("applied"))
        #expect(try Binary.run(migrate).output.contains("nothing to do"))
        let summary = try object(try Binary.run(migrate + ["--json"]).output)
        #expect((summary["applied"] as? [Any])?.isEmpty == true)
        let server = [
            Binary.path, "serve", "--postgres", try deployment.postgres.createDatabase(), "--redis",
            "unix:\(deployment.redis.socketPath)", "--grpc-port", "0", "--admin-port", "0",
        ]
        let refused = try Binary.run(server)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("holdfast migrate"))
    }
}
