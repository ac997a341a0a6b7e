// `holdfast stock watch` against a real server: its words, its JSON, and the ways in which it ends.

import Foundation
import TestServers
import Testing

@Suite(.serialized) struct WatchCommandTests {
    private static let guarded = Result { try GuardedDeployment() }

    /// The command, with a token.
    private func command(_ arguments: [String], as name: String = "ops") throws -> [String] {
        let guarded = try Self.guarded.get()
        return [
            "env", "HOLDFAST_TOKEN=\(guarded.tokens[name] ?? "")", Binary.path, "stock", "watch",
        ]
            + arguments + ["--server", "127.0.0.1:\(guarded.server.grpcPort)"]
    }

    @Test func `the first state is a table, a change is a line, and Ctrl-C is a good end`()
        async throws
    {
        let ops = try await Self.guarded.get().caller("ops")
        try await ops.receive([Units("CW-A", 5), Units("CW-B", 2, at: "N2")])
        for signal in [SIGINT, SIGTERM] {
            let program = try Program(try command(["CW-A", "CW-B@N2", "CW-NONE@N3"]))
            try waitUntil(seconds: 30, "the table") { program.output.contains("CW-NONE") }
            let table = program.output.split(separator: "\n")
            #expect(table.count == 4)
            #expect(table[0].hasPrefix("SKU"))
            #expect(table[1].firstMatch(of: /^CW-A +N1 +\d+/) != nil)
            #expect(table[3].firstMatch(of: /^CW-NONE +N3 +0 +-/) != nil)
            try await ops.adjust("CW-A", 3)
            try waitUntil(seconds: 30, "the line") { program.output.contains("(+3)") }
            let line = try #require(program.output.split(separator: "\n").last)
            let wanted =
                /\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ  CW-A@N1  available \d+ \(\+3\)  on hand .*/
            #expect(line.wholeMatch(of: wanted) != nil, "\(line)")
            program.send(signal)
            #expect(try program.wait(seconds: 30) == 0)
            #expect(program.errors.isEmpty)
        }
    }

    @Test func `JSON is a line for each answer, and --count and --seconds end it`() async throws {
        let ops = try await Self.guarded.get().caller("ops")
        try await ops.receive([Units("CW-C", 5)])
        let program = try Program(
            try command(["CW-C", "CW-ZERO", "--json", "--count", "2", "--channel", "web"])
        )
        try waitUntil(seconds: 30, "the first line") { program.output.hasSuffix("\n") }
        try await ops.adjust("CW-C", -1)
        #expect(try program.wait(seconds: 30) == 0)
        let lines = try program.output.split(separator: "\n")
            .map { line in
                try #require(
                    JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                )
            }
        let items = lines.map { $0["items"] as? [[String: Any]] ?? [] }
        #expect(items.map(\.count) == [2, 1])
        let available = items.joined()
            .map { ($0["availability"] as? [String: Any])?["available"] as? Int }
        #expect(available == [5, 0, 4])
        #expect(items.joined().map { $0["index"] as? Int } == [0, 1, 0])
        let brief = try Binary.run(try command(["CW-C", "--seconds", "0.5"]), seconds: 30)
        #expect(brief.status == 0, "\(brief.errors)")
    }

    @Test func `what cannot be watched ends with a status of its own`() throws {
        #expect(try Binary.run(try command(["CW-A", "--count", "0"])).status == 2)
        #expect(try Binary.run(try command(["@N1"])).status == 2)
        #expect(try Binary.run(try command([])).status == 2)
        let wrong = try Binary.run(try command([String(repeating: "x", count: 65)]))
        #expect(wrong.status == 2)
        #expect(wrong.errors.contains("items[0].sku"))
        #expect(try Binary.run(try command(["CW-A"], as: "nobody")).status == 2)
        let denied = try command(["CW-A", "--channel", "app"], as: "web")
        #expect(try Binary.run(denied).status == 6)
        let nobody = ["--server", "127.0.0.1:1", "--timeout", "2"]
        #expect(try Binary.run([Binary.path, "stock", "watch", "X"] + nobody).status == 5)
        let help = try Binary.run([Binary.path, "stock", "watch", "--help"])
        #expect(help.status == 0 && help.output.contains("EXAMPLES"))
    }

    @Test func `a server that stops is told of, with a status for scripts`() throws {
        let deployment = try Deployment()
        let program = try Program([
            Binary.path, "stock", "watch", "X", "--server",
            "127.0.0.1:\(deployment.server.grpcPort)",
        ])
        try waitUntil(seconds: 30, "the table") { program.output.contains("X") }
        deployment.server.stop()
        #expect(try program.wait(seconds: 30) == 5)
        #expect(program.errors.contains("the server is shutting down"))
    }

    @Test func `a watch goes over TLS as every call`() throws {
        let all = try Certificates()
        let authority = try all.authority("authority")
        let server = try all.certificate(
            "server",
            by: authority,
            names: "DNS:localhost,IP:127.0.0.1",
        )
        let client = try all.certificate("client", by: authority, names: "URI:urn:shop")
        let deployment = try Deployment(settings: [
            "--tls-certificate": server.certificate, "--tls-key": server.key,
            "--tls-client-ca": authority.certificate, "--tls-client-required": "true",
        ])
        let watch = [
            Binary.path, "stock", "watch", "TLS-SKU", "--count", "1", "--server",
            "localhost:\(deployment.server.grpcPort)", "--tls-ca", authority.certificate,
        ]
        let ours = ["--tls-certificate", client.certificate, "--tls-key", client.key]
        let ended = try Binary.run(watch + ours)
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(ended.output.contains("TLS-SKU"))
        #expect(try Binary.run(watch).status != 0)
    }
}
