// A whole installation for tests: a Redis and a database of its own, with one server or several, all
// of them real processes. None outlives the test process.

import Foundation
import Synchronization
import TestServers

/// A failure of the harness itself, not of what it tests.
struct HarnessFailure: Error, CustomStringConvertible {
    let description: String
}

/// The programs under test, which lie beside the tests.
enum Binary {
    static let path = path(of: "holdfast")

    /// Where one of them lies.
    static func path(of name: String) -> String {
        var folder = URL(fileURLWithPath: ProcessInfo.processInfo.arguments[0])
            .resolvingSymlinksInPath()
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            let candidate = folder.appendingPathComponent(name).path
            if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
        }
        return name
    }

    /// The folder of the project, where the protocols and the cases are.
    static let project = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// Runs a program to its end.
    static func run(_ arguments: [String], seconds: Int = 60) throws -> Ended {
        let program = try Program(arguments)
        let status = try program.wait(seconds: seconds)
        return Ended(status: status, output: program.output, errors: program.errors)
    }
}

/// How a program ended.
struct Ended: Hashable {
    var status: Int32
    var output: String
    var errors: String
}

/// A Redis, a database and the servers on them.
final class Deployment: Sendable {
    /// The primary; the one that was made first unless `redisMoved` says otherwise.
    private let primary: Mutex<RedisServer>
    let postgres: PostgresServer
    let conninfo: String
    private let addresses: String
    let servers: [ServerProcess]

    /// Starts everything and waits until the servers listen; blocks the thread.
    ///
    /// Of several Redis processes the first is the primary, and the servers know them all.
    init(
        servers count: Int = 1,
        settings: [String: String] = [:],
        isMigrated: Bool = true,
        redis processes: [RedisServer] = [],
    ) throws {
        let processes = processes.isEmpty ? [try RedisServer.start()] : processes
        postgres = try PostgresServer.shared()
        let conninfo = try postgres.createDatabase()
        let addresses = processes.map { "unix:\($0.socketPath)" }.joined(separator: ",")
        primary = Mutex(processes[0])
        self.addresses = addresses
        self.conninfo = conninfo
        if isMigrated {
            let ended = try Binary.run([Binary.path, "migrate", "--postgres", conninfo])
            guard ended.status == 0 else { throw HarnessFailure(description: ended.errors) }
        }
        servers = (0..<count)
            .map { number in
                ServerProcess(
                    number: number,
                    conninfo: conninfo,
                    redis: addresses,
                    settings: settings,
                )
            }
        for server in servers { try server.start() }
    }

    /// Another server on the same Redis and database, not started yet; 0 lets the system choose its
    /// port.
    func makeServer(
        number: Int,
        grpcPort: Int = 0,
        settings: [String: String] = [:],
    ) -> ServerProcess {
        ServerProcess(
            number: number,
            conninfo: conninfo,
            redis: addresses,
            settings: settings,
            grpcPort: grpcPort,
        )
    }

    var server: ServerProcess { servers[0] }

    var redis: RedisServer { primary.withLock { $0 } }

    /// Another process is the primary from now on.
    func redisMoved(to process: RedisServer) { primary.withLock { $0 = process } }

    /// Rows of a query, one a line, columns separated by `|`.
    @discardableResult
    func sql(_ text: String) throws -> String {
        try postgres.sql(text, on: conninfo)
    }

    /// The one number that a query returns.
    func number(_ text: String) throws -> Int {
        let answer = try sql(text)
        guard let number = Int(answer) else {
            throw HarnessFailure(description: "\(text): \(answer)")
        }
        return number
    }

    /// Sends a command to Redis, past every server.
    @discardableResult
    func redisCommand(_ arguments: String...) throws -> String {
        try redisCommand(arguments)
    }

    @discardableResult
    func redisCommand(_ arguments: [String]) throws -> String {
        let ended = try Binary.run(["redis-cli", "-s", redis.socketPath] + arguments)
        guard ended.status == 0 else { throw HarnessFailure(description: ended.errors) }
        return ended.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The open epoch, as Postgres knows it.
    func epoch() throws -> Int { try number("SELECT epoch FROM cache_epoch") }
}

/// A process of `holdfast serve`.
final class ServerProcess: Sendable {
    private struct State {
        var program: Program?
        var ports: (grpc: Int, admin: Int)?
    }

    private let settings: [String: String]
    private let state = Mutex(State())

    init(
        number: Int,
        conninfo: String,
        redis: String,
        settings: [String: String],
        grpcPort: Int = 0,
    ) {
        state.withLock { $0.ports = (grpcPort, 0) }
        var all = [
            "--postgres": conninfo, "--redis": redis, "--server-name": "s\(number)",
            "--loops": "1", "--log-level": "warning",
        ]
        all.merge(settings) { $1 }
        self.settings = all
    }

    var grpcPort: Int { state.withLock { $0.ports?.grpc ?? 0 } }
    var adminPort: Int { state.withLock { $0.ports?.admin ?? 0 } }
    private var program: Program? { state.withLock { $0.program } }

    /// What it has logged.
    var errors: String { program?.errors ?? "" }
    var isRunning: Bool { program?.isRunning ?? false }

    /// Starts it, on the ports that it had before, and waits until it listens.
    func start() throws {
        let before = state.withLock { $0.ports }
        var arguments = [
            Binary.path, "serve", "--grpc-port", "\(before?.grpc ?? 0)", "--admin-port",
            "\(before?.admin ?? 0)",
        ]
        for (name, value) in settings { arguments += [name, value] }
        let program = try Program(arguments)
        state.withLock { $0.program = program }
        do {
            try waitUntil(seconds: 30, "the server") {
                Self.ports(in: program.output) != nil || !program.isRunning
            }
        } catch {
            throw HarnessFailure(description: "\(error): \(program.errors)")
        }
        guard let ports = Self.ports(in: program.output) else {
            throw HarnessFailure(description: "the server ended: \(program.errors)")
        }
        state.withLock { $0.ports = ports }
    }

    private static func ports(in output: String) -> (grpc: Int, admin: Int)? {
        guard let grpc = output.firstMatch(of: /listening on [^\n]*:(\d+)\n/),
            let admin = output.firstMatch(of: /health and metrics on [^\n]*:(\d+)\n/),
            let grpcPort = Int(grpc.1), let adminPort = Int(admin.1)
        else { return nil }
        return (grpcPort, adminPort)
    }

    /// Ends it in an orderly way; returns its exit status.
    @discardableResult
    func stop() -> Int32? { program?.end(SIGTERM) }
    /// Ends it at once.
    func kill() { _ = program?.end(SIGKILL) }
    func send(_ signal: Int32) { program?.send(signal) }
    /// Waits for its end; returns its exit status.
    func wait(seconds: Int = 30) throws -> Int32 { try program?.wait(seconds: seconds) ?? -1 }
}
