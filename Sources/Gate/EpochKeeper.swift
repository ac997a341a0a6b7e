// Finds out which epoch is open, and opens the next one when the cache was lost. One per process;
// never on the way of a request that finds the gate open.

internal import Base
package import Logging
package import Loop
package import NIOCore
package import Promising
package import Redis

/// Keeps the open epoch of a process.
package actor EpochKeeper {
    private let authority: any EpochAuthority
    private let steps: RedisSteps
    private let server: String
    private let logger: Logger
    private var current: OpenEpoch?
    private var opening: Task<Result<OpenEpoch, Failure>, Never>?

    private let opened: @Sendable (Int64) -> Void

    /// How often this process opened an epoch itself.
    package private(set) var reopenings = 0
    /// How long that took, all together and the last time, in milliseconds.
    package private(set) var openingMs: (all: Int64, last: Int64) = (0, 0)

    /// `server` names this process in the table of epochs; `opened` hears of every epoch that this
    /// process opened itself.
    package init(
        authority: any EpochAuthority,
        redis: NIOLoopBound<RedisConnection>,
        loop: Loop,
        server: String,
        logger: Logger,
        opened: @escaping @Sendable (Int64) -> Void = { _ in },
    ) {
        self.opened = opened
        self.authority = authority
        steps = RedisSteps(loop: loop, redis: redis)
        self.server = server
        self.logger = logger
    }

    /// The epoch to call, given the one that was found closed (nil: none was tried yet).
    ///
    /// Many may ask at once; one opening serves them all.
    package func epoch(after closed: Int64?) async throws(Failure) -> OpenEpoch {
        if let current, current.number > closed ?? 0 { return current }
        let task = opening ?? begin(closed: closed)
        let outcome = await task.value
        return try outcome.get()
    }

    /// Closes the connection that epochs are opened on.
    package func close() async {
        await steps.close()
    }

    private func begin(closed: Int64?) -> Task<Result<OpenEpoch, Failure>, Never> {
        let task = Task { await find(closed: closed) }
        opening = task
        return task
    }

    private func find(closed: Int64?) async -> Result<OpenEpoch, Failure> {
        defer { opening = nil }
        do throws(Failure) {
            let known = try await authority.currentEpoch()
            if known.epoch > closed ?? 0 {
                return .success(adopt(known))
            }
            let began = Deadline.now
            await steps.seek(known)
            let reopening = try await authority.reopen(
                closed: known.epoch,
                by: server,
                steps: steps,
            )
            let opened = reopening.record
            if reopening.isOwn {
                reopenings += 1
                openingMs.last = Deadline.now.milliseconds(from: began)
                openingMs.all += openingMs.last
                logger.notice(
                    "opened the gate",
                    metadata: ["epoch": "\(opened.epoch)", "ms": "\(openingMs.last)"],
                )
                self.opened(opened.epoch)
                let steps = self.steps
                Task { await steps.unlink(before: opened.epoch) }
            }
            return .success(adopt(opened))
        } catch {
            logger.warning("cannot open the gate", metadata: ["error": "\(error)"])
            return .failure(error)
        }
    }

    private func adopt(_ record: EpochRecord) -> OpenEpoch {
        if let current, current.record == record { return current }
        let epoch = OpenEpoch(record)
        current = epoch
        return epoch
    }
}

/// The steps of a reopening, on a connection of their own.
struct RedisSteps: EpochSteps {
    let loop: Loop
    let redis: NIOLoopBound<RedisConnection>

    func probe(_ record: EpochRecord) async throws(Failure) -> Bool {
        let reply = try await send(ScriptCall().command(OpenEpoch(record), pendingMs: 0))
        guard case .error(let error) = reply else { return true }
        if GateClosure.codes.contains(error.code) { return false }
        throw .unavailable(what: "redis: \(error.code)", retryAfterMs: 100)
    }

    func replid() async throws(Failure) -> String { try await primary().replid }

    /// Turns to the process that the epoch was opened on, or to its successor, where several say that
    /// they are the primary.
    ///
    /// Without this look two servers that are connected to two primaries would open epochs against
    /// each other for as long as both are there. It is a matter of speed alone: wherever it leads, the
    /// epoch is opened under the lock, and what it was opened on is in its script.
    func seek(_ record: EpochRecord) async {
        let redis = self.redis
        let places = await loop.start { redis.value.addressCount }.value
        if record.replid.isEmpty { return }
        for _ in 1..<max(1, places) {
            guard let found = try? await primary() else { return }
            if found.replid == record.replid || found.before == record.replid { return }
            await loop.start {
                redis.value.reconnect(because: "the gate was opened on another process")
                try? await redis.value.connect()
            }
            .value
        }
    }

    /// The replid of the process that is connected, and the one that it had as a replica.
    private func primary() async throws(Failure) -> (replid: String, before: String) {
        let reply = try await send(RedisCommand("INFO", "replication"))
        var fields: [Substring: Substring] = [:]
        for line in (reply.text ?? "").split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        guard fields["role"] == "master", let replid = fields["master_replid"] else {
            let redis = self.redis
            await loop.start {
                redis.value.reconnect(because: "\(redis.value.address) is no primary any more")
            }
            .value
            throw .unavailable(what: "redis: not a primary", retryAfterMs: 100)
        }
        return (String(replid), String(fields["master_replid2"] ?? ""))
    }

    func open(_ record: EpochRecord) async -> Bool {
        let script = OpenEpoch(record).script
        let command = RedisCommand("EVAL", script.text, "1", GateKeys.epoch, "open")
        do throws(Failure) {
            return try await send(command) == .status("OPEN")
        } catch {
            return false
        }
    }

    /// Frees the memory of all epochs before this one; what it does not reach, the next opening
    /// will.
    ///
    /// Never touches a later epoch: by now somebody may have opened one.
    func unlink(before epoch: Int64) async {
        var cursor = "0"
        repeat {
            let scan = RedisCommand(
                "SCAN",
                cursor,
                "MATCH",
                "\(GateKeys.shard):*:*",
                "COUNT",
                "1000",
            )
            guard case .array(let parts)? = try? await send(scan), parts.count == 2,
                case .array(let keys) = parts[1]
            else { return }
            let old = keys.compactMap(\.text)
                .filter { key in GateKeys.epoch(of: key).map { $0 < epoch } ?? false }
            if !old.isEmpty {
                var unlink = RedisCommand("UNLINK")
                for key in old { unlink.append(key) }
                guard (try? await send(unlink)) != nil else { return }
            }
            cursor = parts[0].text ?? "0"
        } while cursor != "0"
    }

    func close() async {
        let redis = self.redis
        await loop.start { await redis.value.close() }.value
    }

    private func send(_ command: RedisCommand) async throws(Failure) -> RedisReply {
        let redis = self.redis
        let outcome: Result<RedisReply, RedisError> =
            await loop.start {
                do throws(RedisError) {
                    return .success(try await redis.value.send(command))
                } catch {
                    return .failure(error)
                }
            }
            .value
        switch outcome {
        case .success(let reply): return reply
        case .failure(let error):
            throw .unavailable(what: "redis: \(error)", retryAfterMs: 100)
        }
    }
}

/// The errors by which Redis says that the epoch is not open there.
enum GateClosure {
    /// The code of a process that was the primary.
    static let demoted = "READONLY"
    static let codes: Set<String> = ["NOSCRIPT", "STALE", demoted]
}
