// gRPC's interoperability tests between us and grpcio, both ways, and between us and ourselves.

import Foundation
import TestServers
import Testing

/// A server of the test service: ours, or Python's.
private final class InteropServer {
    static let program = Binary.path(of: "holdfast-interop")

    let program: Program
    let port: String

    init(_ arguments: [String]) throws {
        let program = try Program(arguments)
        try waitUntil(seconds: 60, "the interoperability server") {
            program.output.contains("\n") || !program.isRunning
        }
        guard let line = program.output.firstMatch(of: /listening on (?:.*:)?(\d+)\n/) else {
            throw HarnessFailure(description: "the server ended: \(program.errors)")
        }
        self.program = program
        port = String(line.1)
    }

    static func ours() throws -> InteropServer {
        try InteropServer([program, "server", "--port", "0"])
    }

    static func python() throws -> InteropServer {
        try InteropServer([
            try foreignInterpreter(), "\(pythonFolder)/interop_server.py",
            "\(Binary.project)/Protocols",
        ])
    }

    /// Plays cases with our client; a line for each that was played.
    func play(_ arguments: [String]) throws -> (status: Int32, lines: [String]) {
        let ended = try Binary.run(
            [Self.program, "client", "--port", port, "--pause-ms", "1"] + arguments
        )
        return (ended.status, ended.output.split(separator: "\n").map(String.init))
    }
}

private let pythonFolder = "\(Binary.project)/Tests/EndToEnd/Python"

private func foreignInterpreter() throws -> String {
    guard let interpreter = Client.interpreter else {
        throw HarnessFailure(description: "HOLDFAST_TEST_PYTHON is not set")
    }
    return interpreter
}

/// The cases that the issue names.
private let cases = [
    "empty_unary", "large_unary", "client_compressed_unary", "server_compressed_unary",
    "client_streaming", "client_compressed_streaming", "server_streaming",
    "server_compressed_streaming", "ping_pong", "empty_stream", "half_duplex",
    "status_code_and_message", "special_status_message", "unimplemented_method",
    "unimplemented_service", "custom_metadata", "cancel_after_begin",
    "cancel_after_first_response", "timeout_on_sleeping_server", "slow_consumer",
]

/// What grpcio cannot serve: it does not tell a handler whether a request was compressed.
private let unknownToPython = ["client_compressed_unary", "client_compressed_streaming"]

/// The test client that comes with gRPC for Ruby; `ops/check interop` installs and names it.
private let rubyClient = ProcessInfo.processInfo.environment["HOLDFAST_TEST_RUBY_CLIENT"]

/// What it can play.
private let casesOfRuby = cases.filter {
    ![
        "server_compressed_unary", "server_compressed_streaming", "half_duplex",
        "special_status_message", "slow_consumer",
    ]
    .contains($0)
}

@Suite struct InteropTests {
    @Test func `our client and our server pass every case`() throws {
        let server = try InteropServer.ours()
        let (status, lines) = try server.play(["--all"])
        #expect(lines == cases.map { "\($0): passed" })
        #expect(status == 0)
        #expect(server.program.end(SIGTERM) == 0)
    }

    @Test(.enabled(if: Client.interpreter != nil))
    func `grpcio passes every case against our server`() throws {
        let server = try InteropServer.ours()
        let ended = try Binary.run([
            try foreignInterpreter(), "\(pythonFolder)/interop_client.py",
            "\(Binary.project)/Protocols", "127.0.0.1:\(server.port)",
        ])
        let outcome = try JSONDecoder()
            .decode(TableOutcome.self, from: Data(ended.output.utf8))
        #expect(outcome.steps >= cases.count)
        #expect(outcome.problems == [], "\(ended.errors)")
    }

    @Test(.enabled(if: rubyClient != nil), arguments: casesOfRuby)
    func `gRPC's own client in Ruby passes a case against our server`(name: String) throws {
        let server = try InteropServer.ours()
        let ended = try Binary.run([
            "ruby", try #require(rubyClient), "--server_host=127.0.0.1",
            "--server_port=\(server.port)", "--test_case=\(name)",
        ])
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(ended.output.contains("OK: \(name)"))
    }

    @Test(.enabled(if: Client.interpreter != nil))
    func `our client passes the cases that a server on grpcio can serve`() throws {
        let server = try InteropServer.python()
        let served = cases.filter { !unknownToPython.contains($0) }
        let (status, lines) = try server.play(served.flatMap { ["--test-case", $0] })
        #expect(lines == served.map { "\($0): passed" })
        #expect(status == 0)
    }

    @Test(.enabled(if: Client.interpreter != nil))
    func `a server that lacks a feature fails its cases`() throws {
        let server = try InteropServer.python()
        let (status, lines) = try server.play(unknownToPython.flatMap { ["--test_case", $0] })
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.contains(": FAILED: the probe ended with OK") })
        #expect(status == 1)
    }

    @Test func `the flags say what is wrong with them`() throws {
        for arguments in [
            ["client", "--port", "1"],
            ["client", "--port", "1", "--all", "--test-case", "ping_pong"],
            ["client", "--port", "1", "--test-case", "none"], ["client", "--port", "0", "--all"],
            ["server"], ["server", "--port", "65536"],
        ] {
            let ended = try Binary.run([InteropServer.program] + arguments)
            #expect(ended.status == 64, "\(arguments)")
            #expect(ended.errors.contains("Error: "), "\(arguments)")
        }
        let help = try Binary.run([InteropServer.program, "client", "--help"])
        #expect(help.status == 0)
        #expect(cases.allSatisfy { help.output.contains("  \($0)\n") })
    }

    @Test func `without a server every case fails`() throws {
        let ended = try Binary.run([
            InteropServer.program, "client", "--port", "1", "--test-case", "empty_unary",
        ])
        #expect(ended.output.hasPrefix("empty_unary: FAILED: 127.0.0.1:1: UNAVAILABLE"))
        #expect(ended.status == 1)
    }

    @Test func `a port that is taken is named`() throws {
        let server = try InteropServer.ours()
        let ended = try Binary.run([InteropServer.program, "server", "--port", server.port])
        #expect(ended.status == 1)
        #expect(ended.errors.contains(server.port))
    }
}
