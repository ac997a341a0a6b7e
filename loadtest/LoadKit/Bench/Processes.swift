// Which processes serve, and what they use: read from /proc, where the kernel keeps account.

internal import Foundation
internal import Glibc

/// What a process, or several together, have used so far.
struct Usage: Hashable {
    var cpuMicroseconds = 0
    var residentBytes = 0
}

/// The processes of an installation; nil where one was not found.
struct Processes: Hashable, Sendable {
    var server: Int?
    var redis: Int?
    /// The postmaster; its children count as well.
    var postgres: Int?

    /// Finds whoever listens where the options say.
    ///
    /// The kernel lists sockets in parts, and while others come and go one can be passed over: who is
    /// missing is looked for again.
    static func find(_ options: BenchOptions) -> Processes {
        var processes = look(options)
        for _ in 0..<2 {
            if processes.server != nil, processes.redis != nil, processes.postgres != nil { break }
            let again = look(options)
            processes.server = processes.server ?? again.server
            processes.redis = processes.redis ?? again.redis
            processes.postgres = processes.postgres ?? again.postgres
        }
        return processes
    }

    private static func look(_ options: BenchOptions) -> Processes {
        let listening = Sockets()
        var processes = Processes()
        processes.server =
            options.serverPID ?? listening.owner(of: Sockets.tcpInodes(port: options.port))
        processes.redis = options.redisPID ?? redisInodes(options).flatMap(listening.owner)
        processes.postgres = options.postgresPID ?? postgresInodes(options).flatMap(listening.owner)
        return processes
    }

    private static func redisInodes(_ options: BenchOptions) -> Set<String>? {
        guard let redis = options.redis else { return nil }
        if let slash = redis.firstIndex(of: "/"), redis.hasPrefix("unix:") || redis.hasPrefix("/") {
            return Sockets.unixInodes(path: String(redis[slash...]))
        }
        let port = redis.split(separator: ":").last.flatMap { Int($0) } ?? 6_379
        return Sockets.tcpInodes(port: port)
    }

    private static func postgresInodes(_ options: BenchOptions) -> Set<String>? {
        guard let conninfo = options.postgres else { return nil }
        var settings: [String: String] = [:]
        for setting in conninfo.matches(of: #/(\w+)\s*=\s*(?:'([^']*)'|([^\s']+))/#) {
            settings[String(setting.1)] = String(setting.2 ?? setting.3 ?? "")
        }
        let port = settings["port"].flatMap { Int($0) } ?? 5_432
        guard let host = settings["host"], host.hasPrefix("/") else {
            return Sockets.tcpInodes(port: port)
        }
        return Sockets.unixInodes(path: "\(host)/.s.PGSQL.\(port)")
    }

    /// What each has used; nil for those that were not found or have ended.
    func usages() -> (server: Usage?, redis: Usage?, postgres: Usage?) {
        let all = ProcessStatus.all()
        return (
            server.flatMap { all[$0]?.usage }, redis.flatMap { all[$0]?.usage },
            postgres.flatMap { postmaster in
                guard let status = all[postmaster] else { return nil }
                return all.values.filter { $0.parent == postmaster }
                    .reduce(status.usageWithEndedChildren) { sum, child in
                        Usage(
                            cpuMicroseconds: sum.cpuMicroseconds + child.usage.cpuMicroseconds,
                            residentBytes: sum.residentBytes + child.usage.residentBytes,
                        )
                    }
            }
        )
    }

    /// What this process has used.
    static func ownUsage() -> Usage {
        ProcessStatus(pid: Int(getpid()))?.usage ?? Usage()
    }
}

/// The line of /proc/PID/stat.
struct ProcessStatus {
    var parent: Int
    var name: String
    var usage: Usage
    private var endedChildrenMicroseconds: Int

    /// With the time of children that have ended and were waited for.
    var usageWithEndedChildren: Usage {
        var sum = usage
        sum.cpuMicroseconds += endedChildrenMicroseconds
        return sum
    }

    init?(pid: Int) {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else {
            return nil
        }
        self.init(stat: text)
    }

    /// - Parameter stat: such as `42 (a name) S 1 ...`; the name may hold anything.
    init?(stat: String) {
        guard let begin = stat.firstIndex(of: "("), let end = stat.lastIndex(of: ")"), begin < end
        else { return nil }
        name = String(stat[stat.index(after: begin)..<end])
        let fields = stat[stat.index(after: end)...].split(whereSeparator: \.isWhitespace)
        // Counted from the state, the third field of the line.
        guard fields.count > 21, let parent = Int(fields[1]), let user = Int(fields[11]),
            let system = Int(fields[12]), let childUser = Int(fields[13]),
            let childSystem = Int(fields[14]), let pages = Int(fields[21])
        else { return nil }
        let tick = 1_000_000 / max(1, sysconf(Int32(_SC_CLK_TCK)))
        self.parent = parent
        usage = Usage(
            cpuMicroseconds: (user + system) * tick,
            residentBytes: pages * sysconf(Int32(_SC_PAGESIZE)),
        )
        endedChildrenMicroseconds = (childUser + childSystem) * tick
    }

    /// All that there are, by number.
    static func all() -> [Int: ProcessStatus] {
        var result: [Int: ProcessStatus] = [:]
        for pid in pids() { result[pid] = ProcessStatus(pid: pid) }
        return result
    }

    static func pids() -> [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int($0) }
    }
}

/// Who holds which socket.
private struct Sockets {
    /// The processes that hold a socket, by its inode.
    private var holders: [String: Set<Int>] = [:]

    init() {
        for pid in ProcessStatus.pids() {
            let folder = "/proc/\(pid)/fd"
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
                guard
                    let target = try? FileManager.default.destinationOfSymbolicLink(
                        atPath: "\(folder)/\(name)"
                    ), target.hasPrefix("socket:[")
                else { continue }
                holders[String(target.dropFirst(8).dropLast()), default: []].insert(pid)
            }
        }
    }

    /// The process that holds one of the sockets, or the ancestor of its name that started it: the
    /// connections of Postgres are bound to the same path as the socket that it listens on.
    func owner(of inodes: Set<String>) -> Int? {
        let pids = inodes.reduce(into: Set<Int>()) { $0.formUnion(holders[$1] ?? []) }
        guard var pid = pids.min(), var status = ProcessStatus(pid: pid) else { return nil }
        while let parent = ProcessStatus(pid: status.parent), parent.name == status.name {
            pid = status.parent
            status = parent
        }
        return pid
    }

    /// Sockets that listen on a port.
    static func tcpInodes(port: Int) -> Set<String> {
        let hexadecimal = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
        return inodes(["/proc/net/tcp", "/proc/net/tcp6"]) { fields in
            fields.count > 9 && fields[1].hasSuffix(suffix) && fields[3] == "0A" ? fields[9] : nil
        }
    }

    /// How often the list of sockets is read until the one that is looked for stands in it.
    private static let readsMax = 20

    /// Sockets that are bound to a path.
    ///
    /// The kernel hands the list out in parts, and skips entries when sockets come and go in between.
    static func unixInodes(path: String) -> Set<String> {
        for _ in 0..<readsMax {
            let found = inodes(["/proc/net/unix"]) { fields in
                fields.count > 7 && fields[7] == path[...] ? fields[6] : nil
            }
            if !found.isEmpty { return found }
        }
        return []
    }

    private static func inodes(
        _ files: [String],
        _ pick: ([Substring]) -> Substring?,
    ) -> Set<String> {
        var result: Set<String> = []
        for file in files {
            // A path may hold any bytes, so this need not be UTF-8.
            let bytes = FileManager.default.contents(atPath: file) ?? Data()
            let text = String(decoding: bytes, as: UTF8.self)
            for line in text.split(separator: "\n") {
                if let inode = pick(line.split(separator: " ")) { result.insert(String(inode)) }
            }
        }
        return result
    }
}
