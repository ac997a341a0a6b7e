// Row 20 and 21 of the list of features: nodes, calendars and capacity, and rule sets, as operators use
// them: the commands against real servers, their words and what they leave behind.

import Foundation
import Messages
import RPC
import TestServers
import Testing

@Suite(.serialized) struct `Rows 20 and 21, the network and rule sets` {
    private static let deployment = Result { try Deployment(servers: 2) }

    private static let folder = Result {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("network-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    private func file(_ name: String, _ text: String) throws -> String {
        let path = try Self.folder.get().appendingPathComponent(name).path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func run(_ arguments: String..., on server: Int = 0) throws -> Ended {
        let port = try Self.deployment.get().servers[server].grpcPort
        return try Binary.run([Binary.path] + arguments + ["--server", "127.0.0.1:\(port)"])
    }

    private func done(_ arguments: String..., on server: Int = 0) throws -> String {
        let port = try Self.deployment.get().servers[server].grpcPort
        let ended = try Binary.run([Binary.path] + arguments + ["--server", "127.0.0.1:\(port)"])
        #expect(ended.status == 0, "\(arguments): \(ended.errors)")
        return ended.output
    }

    private let demo = "\(Binary.project)/ops/demo/network.json"

    @Test func `A, the demo network is put once, and what is printed of it can be put again`()
        throws
    {
        let deployment = try Self.deployment.get()
        #expect(try run("node", "import", demo, "--dry-run").output.contains("would change"))
        #expect(try deployment.number("SELECT count(*) FROM network_versions") == 0)
        #expect(try done("node", "import", demo).contains("version 1"))
        #expect(try done("node", "import", demo).contains("nothing to change, version 1"))
        let printed = try file("again.json", try done("node", "show"))
        #expect(try done("node", "import", printed).contains("nothing to change, version 1"))
        let nodes = try done("node", "list", on: 1)
        for node in ["LDN-DC", "MAN-STORE", "BER-3PL", "RTD-DC", "DUB-STORE"] {
            #expect(nodes.contains(node))
        }
        // Nodes of the demo stock are nodes of the network.
        let stock = try String(
            contentsOfFile: "\(Binary.project)/ops/demo/stock.csv",
            encoding: .utf8
        )
        for row in stock.split(separator: "\n").dropFirst() {
            #expect(nodes.contains(row.split(separator: ",")[1]))
        }
        #expect(try done("node", "slots", "LDN-DC").contains("1500"))
        #expect(try deployment.number("SELECT count(*) FROM positions WHERE sku LIKE '@%'") > 100)
    }

    @Test func `B, a change counts on every server within a second`() async throws {
        let rules = try file(
            "soon.json",
            #"{"name":"soon","rules":[{"rule":"NOT_FROM","nodes":["NEW-DC"]}],"goals":{"cost":1}}"#
        )
        #expect(try done("rules", "check", rules, on: 1).contains("the network has no node NEW-DC"))
        let text = try String(contentsOfFile: demo, encoding: .utf8)
            .replacing("\"RTD-DC\"", with: "\"NEW-DC\"")
        #expect(try done("node", "import", try file("new.json", text)).contains("changed 1 item"))
        let end = ContinuousClock.now + .seconds(1)
        var isKnown = false
        while !isKnown, ContinuousClock.now < end {
            isKnown = try !done("rules", "check", rules, on: 1).contains("no node NEW-DC")
        }
        #expect(isKnown)
    }

    @Test func `C, a table that is wrong says where, and changes nothing`() throws {
        let deployment = try Self.deployment.get()
        let before = try deployment.sql("SELECT max(version) FROM network_versions")
        let nodes = try file(
            "nodes.csv",
            """
            name,kind,latitude,longitude,country,time_zone,shipment_cost_minor
            X-DC,DC,151.5,0,GB,Europe/London,10
            Y-DC,DC,51.5,0,ZZ,Europe/Londin,-10
            """
        )
        let ended = try run("node", "import", nodes)
        #expect(ended.status == 2)
        for line in [
            "\(nodes):2: latitude: is 151.5, must be -90 to 90",
            "\(nodes):3: country: \"ZZ\" is no country",
            "\(nodes):3: shipment_cost_minor: is -10, must not be negative",
            "\(nodes):3: time_zone: \"Europe/Londin\" is no time zone",
        ] { #expect(ended.errors.contains(line), "\(ended.errors)") }
        #expect(try deployment.sql("SELECT max(version) FROM network_versions") == before)
    }

    @Test func `D, capacity is set, and the states of a node change, on the record`() throws {
        let day = try Self.deployment.get()
            .sql(
                "SELECT day FROM network_slots WHERE node = 'BER-3PL' ORDER BY opens_at DESC LIMIT 1"
            )
        #expect(
            try done("node", "capacity", "BER-3PL", "--day", day, "--orders", "3", "--units", "9")
                .contains("is set")
        )
        let slots = try done("node", "slots", "BER-3PL", "--from", day, on: 1)
        #expect(slots.contains("by hand") && slots.contains(" 3 "))
        #expect(try done("node", "drain", "BER-3PL", "--note", "move").contains("is DRAINING"))
        #expect(try done("node", "drain", "BER-3PL").contains("was already DRAINING"))
        #expect(try done("node", "import", demo).contains("version"))
        #expect(try done("node", "list").contains("DRAINING"))
        #expect(try done("node", "close", "BER-3PL").contains("is CLOSED"))
        #expect(try done("node", "open", "BER-3PL").contains("is OPEN"))
        let history = try done("node", "history", "BER-3PL")
        #expect(history.contains("node BER-3PL DRAINING, was OPEN") && history.contains("move"))
        #expect(history.contains("slot BER-3PL \(day)/0 orders 3 units 9"))
        #expect(try run("node", "drain", "NO-DC").status == 4)
        #expect(
            try run("node", "capacity", "BER-3PL", "--day", "2020-01-01", "--orders", "1").status
                == 4
        )
    }

    @Test func `E, rule sets are put, chosen and shown`() throws {
        let web = "\(Binary.project)/ops/demo/rules.json"
        #expect(try done("rules", "check", web).contains("nothing is wrong"))
        #expect(try done("rules", "put", web).contains("web has now version 1"))
        #expect(try done("rules", "put", web).contains("web has already version 1"))
        #expect(try done("rules", "assign", "web", "web").contains("uses now web"))
        #expect(try done("rules", "assign", "web", "web", "--version", "1").contains("version 1"))
        #expect(try done("rules", "list").contains("web=1"))
        #expect(try done("rules", "show", "standard").contains("\"cost\": 100"))
        #expect(try done("rules", "show", "web", "--version", "1").contains("KEEPS_LAST"))
        #expect(try run("rules", "show", "web", "--version", "2").status == 4)
        let wrong = try file(
            "wrong.json",
            """
            {"name": "w", "goals": {"cost": 1}, "rules": [
              {"rule": "ONLY_FROM", "nodes": ["LDN-DC"]},
              {"rule": "ONLY_FROM", "nodes": ["MAN-STORE"]}]}
            """
        )
        let ended = try run("rules", "put", wrong)
        #expect(ended.status == 2)
        #expect(
            ended.errors.contains("\(wrong):3: rules[1]: contradicts rules[0]"),
            "\(ended.errors)"
        )
        #expect(try run("rules", "check", wrong).status == 2)
        #expect(try done("rules", "history").contains("web"))
    }

    @Test func `F, capacities are no goods: nobody receives, adjusts or reserves them`()
        async throws
    {
        let caller = try await Caller(try Self.deployment.get().server)
        let units = [Units("@orders/2026-12-01/0", 1, at: "LDN-DC")]
        for body in [
            { _ = try await caller.receive(units) },
            { try await caller.adjust(units[0].sku, 1, at: "LDN-DC") },
            { try await caller.setSafety(units[0].sku, 1, at: "LDN-DC") },
            { _ = try await caller.reserve(units) },
        ] as [() async throws -> Void] {
            do {
                try await body()
                Issue.record("a capacity was taken for goods")
            } catch let status as Status {
                #expect(status.code == .invalidArgument)
            }
        }
        #expect(try run("stock", "show", "@", "--prefix").output.contains("@orders/"))
        #expect(!(try run("stock", "show", "--node", "LDN-DC").output.contains("@orders/")))
    }

    @Test func `G, the books are whole, and no view drifts`() throws {
        let deployment = try Self.deployment.get()
        #expect(try run("ledger", "verify").status == 0)
        let faults = try deployment.sql(
            """
            SELECT p.sku FROM positions p JOIN network_slots s ON s.until = 9223372036854775807
                AND p.id = s.orders_position WHERE p.free <> s.orders
            """
        )
        #expect(faults.isEmpty)
        #expect(try run("drift", "show").status == 0)
    }
}
