// A private Redis for tests: no persistence, no eviction, a Unix socket in a directory of its own and
// a loopback port on request.

internal import Foundation
private import Synchronization

/// A redis-server process of this test process.
package final class RedisServer: Sendable {
    package let socketPath: String
    /// A port on 127.0.0.1; nil unless asked for.
    package let port: Int?
    private let directory: String
    private let options: [String]
    /// The process; nil while it is stopped.
    private let pid: Mutex<pid_t?>

    /// Starts a server and waits until it answers.
    package static func start(tcp: Bool = false, options: [String] = []) throws -> RedisServer {
        let server = try RedisServer(port: tcp ? freePort() : nil, options: options)
        try server.start()
        return server
    }

    /// Starts a replica of a server that listens on a port, and waits until it has its data.
    package static func startReplica(of primary: RedisServer) throws -> RedisServer {
        guard let port = primary.port else {
            throw ServerFailure(description: "a replica needs a port to copy from")
        }
        let replica = try start(tcp: true, options: ["--replicaof", "127.0.0.1", "\(port)"])
        try wait(seconds: 20, for: "the replica") {
            ((try? replica.command("INFO", "replication")) ?? "").contains("master_link_status:up")
        }
        return replica
    }

    /// Sends a command with redis-cli and returns what it prints.
    @discardableResult
    package func command(_ arguments: String...) throws -> String {
        try check(["redis-cli", "-s", socketPath] + arguments)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private init(port: Int?, options: [String]) throws {
        directory = try makeDirectory("hf-redis")
        socketPath = "\(directory)/s"
        self.port = port
        self.options = options
        pid = Mutex(nil)
        try startWatchdog(#"kill -KILL $(cat "$1/pid"); rm -rf "$1""#, [directory])
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Starts a stopped server again: empty, or with what `snapshot` wrote last.
    package func start(fromSnapshot: Bool = false) throws {
        // A replica leaves what it was sent, too.
        if !fromSnapshot { try? FileManager.default.removeItem(atPath: "\(directory)/dump.rdb") }
        let arguments =
            [
                "redis-server", "--port", "\(port ?? 0)", "--bind", "127.0.0.1", "--unixsocket",
                socketPath, "--dir", directory, "--save", "", "--appendonly", "no",
                "--maxmemory-policy", "noeviction", "--daemonize", "no",
                // A replica gets its copy at once.
                "--repl-diskless-sync-delay", "0",
            ] + options
        try pid.withLock { pid in
            guard pid == nil else { return }
            unsafe unlink(socketPath)
            let started = try spawn(arguments, output: "\(directory)/log")
            try "\(started)".write(toFile: "\(directory)/pid", atomically: true, encoding: .utf8)
            pid = started
        }
        let log = "\(directory)/log"
        try wait(seconds: 10, for: "redis (\(log))") {
            FileManager.default.fileExists(atPath: socketPath)
        }
        // The socket file is there a moment before the server listens on it.
        try wait(seconds: 10, for: "redis (\(log))") { [socketPath] in
            let answer = (try? run(["redis-cli", "-s", socketPath, "PING"]).output) ?? ""
            return answer.contains("PONG") || answer.contains("NOAUTH")
        }
    }

    /// Ends the server in an orderly way.
    package func stop() { end(SIGTERM) }
    /// Ends the server at once, like a power cut.
    package func kill() { end(SIGKILL) }

    /// Ends the server in an orderly way and starts it again, empty.
    package func restart() throws {
        stop()
        try start()
    }

    /// Freezes the process: connections stay open, nothing is answered.
    package func pause() { send(SIGSTOP) }
    package func resume() { send(SIGCONT) }

    /// Writes what it has to a file, from which `start` can bring it back later: a stale Redis.
    package func snapshot() throws {
        // While a replica is sent its copy, Redis refuses.
        try wait(seconds: 20, for: "the snapshot of redis") { (try? ask("SAVE")) != nil }
    }

    /// Follows another server, which must have a port; nil makes it a primary with what it has.
    package func follow(_ primary: RedisServer?) throws {
        let port = primary?.port.map { String($0) }
        try ask("REPLICAOF", port == nil ? "NO" : "127.0.0.1", port ?? "ONE")
    }

    /// Whether it has everything that the server which it follows has had.
    package var isInStep: Bool {
        let text = (try? ask("INFO", "replication")) ?? ""
        return text.contains("master_link_status:up")
    }

    /// Sends a command and returns what `redis-cli` prints.
    @discardableResult
    package func ask(_ command: String...) throws -> String {
        let answer = try check(["redis-cli", "-e", "-s", socketPath] + command)
        return answer.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func send(_ signal: Int32) {
        pid.withLock { pid in
            if let pid { Foundation.kill(pid, signal) }
        }
    }

    private func end(_ signal: Int32) {
        pid.withLock { pid in
            guard let running = pid else { return }
            Foundation.kill(running, signal)
            Foundation.kill(running, SIGCONT)
            reap(running)
            pid = nil
        }
    }
}

/// A port on 127.0.0.1 that nobody listens on at this moment.
package func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let port: Int? = unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            guard unsafe bind(descriptor, generic, size) == 0,
                unsafe getsockname(descriptor, generic, &size) == 0
            else { return nil }
            return unsafe Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }
    guard let port else { throw ServerFailure(description: "no free port: \(errno)") }
    return port
}
