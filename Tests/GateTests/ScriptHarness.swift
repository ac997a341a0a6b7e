// A real Redis with one epoch of the gate's script open, driven through the packing that the server
// uses and looked at through plain commands.

import Base
import Gate
import Loop
import NIOCore
import NIOPosix
import Promising
import Redis
import TestServers
import Testing

/// The gate's script on a Redis of its own; used on its loop only.
final class ScriptBench {
    let loop: Loop
    let connection: RedisConnection
    let server: RedisServer
    private(set) var epoch: OpenEpoch
    /// Positions that the last call found to lack a version.
    private(set) var gaps: Set<Int64> = []

    private init(
        _ loop: Loop,
        _ server: RedisServer,
        _ connection: RedisConnection,
        _ replid: String,
    ) {
        self.loop = loop
        self.server = server
        self.connection = connection
        epoch = OpenEpoch(EpochRecord(epoch: 1, replid: replid))
    }

    /// Runs `body` with a Redis whose epoch 1 is open.
    static func with<Value: Sendable>(
        _ body: sending @escaping (ScriptBench) async throws -> Value
    ) async throws -> Value {
        let server = try RedisServer.start()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = Loop(group.next())
        let task = loop.startThrowing {
            let connection = RedisConnection(address: .unix(server.socketPath), loop: loop)
            try await connection.connect()
            let bench = ScriptBench(loop, server, connection, try await replid(connection))
            let opened = try await bench.open(bench.epoch)
            #expect(opened.text == "OPEN")
            let outcome: Result<Value, any Error>
            do {
                outcome = .success(try await body(bench))
            } catch {
                outcome = .failure(error)
            }
            await connection.close()
            return try outcome.get()
        }
        let outcome = await task.result
        try await group.shutdownGracefully()
        return try outcome.get()
    }

    static func replid(_ connection: RedisConnection) async throws -> String {
        let info = try await connection.send(RedisCommand("INFO", "replication")).text ?? ""
        return info.firstMatch(of: /master_replid:([0-9a-f]+)/).map { String($0.1) } ?? ""
    }

    /// Sends the text of an epoch with `open`.
    func open(_ epoch: OpenEpoch) async throws -> RedisReply {
        try await connection.send(
            RedisCommand("EVAL", epoch.script.text, "1", GateKeys.epoch, "open")
        )
    }

    /// Sends one call and returns the raw reply.
    func send(_ call: ScriptCall, pendingMs: Int = 5_000) async throws -> RedisReply {
        try await connection.evalsha(
            sha: epoch.script.sha1,
            keys: [GateKeys.epoch],
            arguments: [
                Array("batch".utf8), call.rows, call.loads, call.ends, call.admits,
                Array("\(pendingMs)".utf8),
            ],
        )
    }

    /// Sends one call that must get through, and returns what it says to the admissions.
    @discardableResult
    func run(_ call: ScriptCall) async throws -> [AdmissionAnswer] {
        let reply = try await send(call)
        guard case .bytes(let bytes) = reply else {
            Issue.record("the script answers \(reply)")
            return []
        }
        let answer = try #require(ScriptReply(bytes, epoch: epoch.number))
        gaps = Set(answer.gaps)
        return answer.answers
    }

    @discardableResult
    func run(_ fill: (inout ScriptCall) -> Void) async throws -> [AdmissionAnswer] {
        var call = ScriptCall()
        fill(&call)
        return try await run(call)
    }

    /// The code of the error that a call is answered with.
    func error(_ fill: (inout ScriptCall) -> Void) async throws -> String? {
        var call = ScriptCall()
        fill(&call)
        guard case .error(let error) = try await send(call) else { return nil }
        return error.code
    }

    @discardableResult
    func command(_ name: String, _ arguments: [String]) async throws -> RedisReply {
        var command = RedisCommand(name)
        for argument in arguments { command.append(argument) }
        return try await connection.send(command)
    }

    /// The view of a position; nil when it is not in it.
    func view(_ id: Int64) async throws -> View? { try await views([id])[id] }

    /// The views of several positions, asked for in one go.
    func views(_ ids: [Int64]) async throws -> [Int64: View] {
        let outcomes = await withCheckedContinuation { continuation in
            var outcomes: [Result<RedisReply, RedisError>] = []
            for id in ids {
                let key = GateKeys.position(id, epoch: epoch.number)
                let command = RedisCommand("HMGET", key, "w", "f", "x", "h", "u")
                connection.send(command) { outcome in
                    outcomes.append(outcome)
                    if outcomes.count == ids.count { continuation.resume(returning: outcomes) }
                }
            }
        }
        var views: [Int64: View] = [:]
        for (id, outcome) in zip(ids, outcomes) { views[id] = View(try outcome.get()) }
        return views
    }
}

/// What the script knows of a position.
struct View: Hashable, Sendable {
    var version: Int64
    var free: Int64
    /// Versions beyond `version` that were applied already.
    var ahead: Set<Int64> = []
    var held: Int64 = 0
    /// True while the units withheld from channels are not known.
    var isPartial = false
}

extension View {
    /// Reads the fields w, f, x, h and u; nil when the position is not in the view.
    fileprivate init?(_ reply: RedisReply) {
        guard case .array(let fields) = reply, fields.count == 5,
            let version = fields[0].text.flatMap({ Int64($0) }),
            let free = fields[1].text.flatMap({ Int64($0) }),
            let held = fields[3].text.flatMap({ Int64($0) })
        else { return nil }
        let ahead = (fields[2].text ?? "").split(separator: ",").compactMap { Int64($0) }
        self.init(
            version: version,
            free: free,
            ahead: Set(ahead),
            held: held,
            isPartial: fields[4].text != nil,
        )
    }
}

/// An answer without its figures.
enum Verdict: Hashable, Sendable {
    case admitted
    case shared
    case known
    case missing
    case refused(line: Int, free: Int64, pending: Int64)

    init(_ answer: AdmissionAnswer) {
        switch answer {
        case .admitted(_, let isShared): self = isShared ? .shared : .admitted
        case .known: self = .known
        case .missing: self = .missing
        case .refused(_, let line, let free, let pending):
            self = .refused(line: line, free: free, pending: pending)
        }
    }
}

/// A key made of a number.
func key(_ number: Int) -> ID { ID(high: 7, low: UInt64(number)) }

func admission(
    _ number: Int,
    _ lines: [(Int64, Int64)],
    channel: String = "",
    isChecked: Bool = false,
) -> Admission {
    Admission(
        key: key(number),
        lines: lines.map { (position: $0.0, quantity: $0.1) },
        channel: channel,
        isChecked: isChecked,
    )
}
