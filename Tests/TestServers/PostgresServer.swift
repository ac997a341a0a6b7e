// A private Postgres for tests: one cluster per test process, made when it is first needed, with a
// database per suite. When HOLDFAST_TEST_POSTGRES names the administrator's connection to a private
// cluster, that one is used instead, and only its databases come and go.

internal import Foundation
private import Synchronization

/// A Postgres cluster for tests.
package final class PostgresServer: Sendable {
    /// Connects as administrator.
    package let adminConninfo: String
    /// The cluster that we run; nil when it is somebody else's.
    private let cluster: Cluster?
    private let databaseCount = Mutex(0)

    private static let sharedServer = Mutex<PostgresServer?>(nil)

    /// The cluster of this test process, started when first asked for.
    package static func shared() throws -> PostgresServer {
        try sharedServer.withLock { server in
            if let server { return server }
            let new: PostgresServer
            if let conninfo = ProcessInfo.processInfo.environment["HOLDFAST_TEST_POSTGRES"] {
                new = PostgresServer(adminConninfo: conninfo, cluster: nil)
            } else {
                new = try start()
            }
            server = new
            return new
        }
    }

    /// Starts a cluster of its own, for tests that stop or kill it.
    ///
    /// Without `fsync` a crash of the machine would lose data, a crash of the server does not.
    /// With `megabytes` its files are on a file system of that size, which only root can make.
    package static func start(
        fsync: Bool = false,
        settings: [String: String] = [:],
        megabytes: Int? = nil,
    ) throws -> PostgresServer {
        var all = ["fsync": fsync ? "on" : "off"]
        all.merge(settings) { $1 }
        let cluster = try Cluster(settings: all, megabytes: megabytes)
        try cluster.start()
        let conninfo = "host=\(cluster.directory) user=postgres dbname=postgres"
        return PostgresServer(adminConninfo: conninfo, cluster: cluster)
    }

    private init(adminConninfo: String, cluster: Cluster?) {
        self.adminConninfo = adminConninfo
        self.cluster = cluster
    }

    // MARK: Databases

    /// Makes an empty database and returns its connection string; it goes when the process ends.
    package func createDatabase() throws -> String {
        let number = databaseCount.withLock { count in
            count += 1
            return count
        }
        let name = "hf_\(getpid())_\(number)"
        try sql("CREATE DATABASE \(name)")
        if cluster == nil {
            let drop = #""$1" "$2" -X -q -c "DROP DATABASE IF EXISTS $3 WITH (FORCE)""#
            try startWatchdog(drop, [psqlPath(), adminConninfo, name])
        }
        return "\(adminConninfo) dbname=\(name)"
    }

    /// Drops a database of `createDatabase`, and whoever is connected to it.
    package func dropDatabase(_ conninfo: String) throws {
        guard let name = conninfo.split(separator: "=").last, name.hasPrefix("hf_") else {
            throw ServerFailure(description: "not a database of ours: \(conninfo)")
        }
        try sql("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
    }

    /// Runs SQL with psql, as administrator unless a connection string is given; returns the rows
    /// unaligned and without a header.
    @discardableResult
    package func sql(_ text: String, on conninfo: String? = nil) throws -> String {
        let target = conninfo ?? adminConninfo
        let output = try check(
            [try psqlPath(), target, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text]
        )
        return output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    // MARK: Process

    /// Where its socket is; for a server of our own.
    package var socketFolder: String { cluster?.directory ?? "" }

    /// Starts a stopped cluster again.
    package func start() throws { try owned().start() }
    /// Ends the cluster in an orderly way, ending its connections ("fast").
    package func stop() throws { try owned().end(SIGINT) }
    /// Ends the cluster at once ("immediate"): what was not committed is lost.
    package func kill() throws { try owned().end(SIGQUIT) }

    /// Ends all its processes like a power cut.
    package func killAll() throws { try owned().killAll() }
    /// Starts it again if it has ended by itself, or was stopped.
    package func startIfEnded() throws { try owned().startIfEnded() }

    package func restart() throws {
        try stop()
        try start()
    }

    /// Takes all the room that the file system of its files has left; for a server with `megabytes`.
    package func fillDisk() throws {
        let path = try owned().directory + "/filler"
        // It is meant to end with an error: no space left.
        _ = try run(["dd", "if=/dev/zero", "of=\(path)", "bs=64k"])
    }

    /// Gives the room of `fillDisk` back.
    package func freeDisk() throws {
        try FileManager.default.removeItem(atPath: try owned().directory + "/filler")
    }

    /// Freezes all its processes: connections stay open, nothing is answered.
    package func pause() throws { try owned().sendToAll(SIGSTOP) }
    package func resume() throws { try owned().sendToAll(SIGCONT) }

    private func owned() throws -> Cluster {
        guard let cluster else {
            throw ServerFailure(description: "the cluster of HOLDFAST_TEST_POSTGRES is not ours")
        }
        return cluster
    }
}

/// The files and the process of a cluster.
private final class Cluster: Sendable {
    let directory: String
    private let settings: [String: String]
    /// Whether `directory` is a file system of its own.
    private let isMounted: Bool
    /// The postmaster; nil while it is stopped.
    private let pid = Mutex<pid_t?>(nil)

    init(settings: [String: String], megabytes: Int? = nil) throws {
        directory = try makeDirectory("hf-pg")
        self.settings = settings
        isMounted = megabytes != nil
        if let megabytes {
            let size = "size=\(megabytes)m"
            try check(["mount", "-t", "tmpfs", "-o", size, "holdfast-disk", directory])
        }
        if getuid() == 0 { try check(["chown", "postgres:", directory]) }
        let script = #"""
            p=$(cat "$1/pid"); kill -CONT $p $(cat /proc/$p/task/$p/children); kill -QUIT $p
            for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $p || break; sleep 0.3; done
            [ "$2" = plain ] || umount -l "$1"
            rm -rf "$1"
            """#
        try startWatchdog(script, [directory, isMounted ? "mounted" : "plain"])
        let initdb = try binary("initdb")
        try check(
            asPostgres + [
                initdb, "-D", "\(directory)/data", "-A", "trust", "-U", "postgres", "-N", "-E",
                "UTF8", "--locale=C.UTF-8",
            ]
        )
    }

    deinit {
        end(SIGQUIT)
        if isMounted { _ = try? run(["umount", "-l", directory]) }
        try? FileManager.default.removeItem(atPath: directory)
    }

    func start() throws {
        let log = "\(directory)/log"
        var arguments = asPostgres + [try binary("postgres"), "-D", "\(directory)/data"]
        let fixed = [
            "unix_socket_directories": directory, "listen_addresses": "",
            "max_connections": "200", "max_prepared_transactions": "10",
        ]
        for (name, value) in fixed.merging(settings, uniquingKeysWith: { $1 }) {
            arguments += ["-c", "\(name)=\(value)"]
        }
        try pid.withLock { pid in
            guard pid == nil else { return }
            let started = try spawn(arguments, output: log)
            try "\(started)".write(toFile: "\(directory)/pid", atomically: true, encoding: .utf8)
            pid = started
        }
        let isReady = [try binary("pg_isready"), "-q", "-h", directory]
        do {
            try wait(seconds: 30, for: "postgres") { (try? run(isReady).status) == 0 }
        } catch {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw ServerFailure(description: "\(error): \(text.suffix(2_000))")
        }
    }

    func end(_ signal: Int32) {
        sendToAll(SIGCONT)
        pid.withLock { pid in
            guard let running = pid else { return }
            Foundation.kill(running, signal)
            reap(running)
            pid = nil
        }
    }

    func sendToAll(_ signal: Int32) {
        pid.withLock { pid in
            guard let pid else { return }
            for process in [pid] + children(of: pid) { Foundation.kill(process, signal) }
        }
    }

    func killAll() {
        pid.withLock { pid in
            guard let running = pid else { return }
            let all = children(of: running)
            for process in [running] + all { Foundation.kill(process, SIGKILL) }
            reap(running)
            pid = nil
            // The memory that they share must be free before the next start.
            for _ in 0..<500 where all.contains(where: { Foundation.kill($0, 0) == 0 }) {
                usleep(10_000)
            }
        }
    }

    func startIfEnded() throws {
        pid.withLock { pid in
            if let running = pid, hasEnded(running) { pid = nil }
        }
        try start()
    }

    private func children(of pid: pid_t) -> [pid_t] {
        let path = "/proc/\(pid)/task/\(pid)/children"
        let children = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return children.split(separator: " ").compactMap { pid_t($0) }
    }
}

/// What stands before a command so that it does not run as root, which Postgres refuses.
private var asPostgres: [String] {
    if getuid() != 0 { return [] }
    return ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--"]
}

/// Finds a program of the newest installed Postgres, or in the path.
private func binary(_ name: String) throws -> String {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    for version in versions.compactMap({ Int($0) }).sorted(by: >) {
        let path = "\(root)/\(version)/bin/\(name)"
        if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    return name
}

private func psqlPath() throws -> String { try binary("psql") }
