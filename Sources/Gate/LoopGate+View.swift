// What the healer reads of the view: plain reads, outside the script. They may be stale by the time
// they are used; everything that follows from them is keyed by versions and keys.

internal import Base
package import Domain
package import Promising
internal import Redis

extension LoopGate: ViewPort {
    package func viewVersions(
        _ positions: [PositionID]
    ) async throws(Failure) -> (epoch: Int64, versions: [PositionID: Int64]) {
        let epoch = try readableEpoch()
        var versions: [PositionID: Int64] = [:]
        for position in positions {
            let key = GateKeys.position(position, epoch: epoch)
            let reply = try await read(RedisCommand("HGET", key, "w"))
            if let version = reply.text.flatMap({ Int64($0) }) { versions[position] = version }
        }
        return (epoch, versions)
    }

    package func overdueHolds() async throws(Failure) -> [OverdueHold] {
        let epoch = try readableEpoch()
        guard case .array(let time) = try await read(RedisCommand("TIME")),
            let seconds = time.first?.text.flatMap({ Int64($0) })
        else { return [] }
        let pending = try await read(
            RedisCommand("HGETALL", GateKeys.pending(epoch: epoch))
        )
        guard case .array(let fields) = pending else { return [] }
        var overdue: [OverdueHold] = []
        for index in stride(from: 0, to: fields.count - 1, by: 2) {
            guard case .bytes(let key) = fields[index], key.count == 16,
                case .bytes(let entry) = fields[index + 1], entry.count >= 8
            else { continue }
            // To the second: a hold is never ended early.
            if int64(entry, at: 0) >= seconds * 1_000 { continue }
            let positions = stride(from: 8, to: entry.count - 15, by: 16)
                .map {
                    int64(entry, at: $0)
                }
            overdue.append(OverdueHold(key: ID(bytes: key), positions: positions))
        }
        return overdue
    }

    package func miscounted(
        _ positions: [PositionID]
    ) async throws(Failure) -> [PositionID] {
        let epoch = try readableEpoch()
        // One transaction: what is asked in one go stays together on the wire.
        redis.send(RedisCommand("MULTI")) { _ in }
        redis.send(RedisCommand("HVALS", GateKeys.pending(epoch: epoch))) { _ in }
        for position in positions {
            let key = GateKeys.position(position, epoch: epoch)
            redis.send(RedisCommand("HGET", key, "h")) { _ in }
        }
        guard case .array(let replies) = try await read(RedisCommand("EXEC")),
            replies.count == positions.count + 1, case .array(let entries) = replies[0]
        else { return [] }
        var pending: [PositionID: Int64] = [:]
        for case .bytes(let entry) in entries {
            for index in stride(from: 8, to: entry.count - 15, by: 16) {
                pending[int64(entry, at: index), default: 0] += int64(entry, at: index + 8)
            }
        }
        return zip(positions, replies.dropFirst())
            .compactMap { position, reply in
                guard let held = reply.text.flatMap({ Int64($0) }) else { return nil }
                return held == pending[position] ?? 0 ? nil : position
            }
    }

    package func forget(_ positions: [PositionID]) async throws(Failure) {
        let epoch = try readableEpoch()
        var command = RedisCommand("UNLINK")
        for position in positions {
            command.append(GateKeys.position(position, epoch: epoch))
        }
        if case .integer(let count) = try await read(command) { noteForgotten(Int(count)) }
    }

    private func readableEpoch() throws(Failure) -> Int64 {
        guard let epoch = openEpoch else {
            throw .unavailable(what: "gate", retryAfterMs: 100)
        }
        return epoch
    }

    private func read(_ command: RedisCommand) async throws(Failure) -> RedisReply {
        if Deadline.current.hasPassed { throw .deadlineExceeded }
        do throws(RedisError) {
            return try await redis.send(command)
        } catch {
            throw .unavailable(what: "redis: \(error)", retryAfterMs: 100)
        }
    }
}

extension LoopGate: WarmView {
    package func memoryUse() async throws(Failure) -> Double {
        let info = try await read(RedisCommand("INFO", "memory")).text ?? ""
        var figures: [Substring: Double] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, let figure = Double(parts[1]) { figures[parts[0]] = figure }
        }
        guard let bound = figures["maxmemory"], bound > 0 else { return 0 }
        return (figures["used_memory"] ?? 0) / bound
    }
}

/// Eight bytes, the least significant first.
private func int64(_ bytes: [UInt8], at start: Int) -> Int64 {
    var value: UInt64 = 0
    for index in 0..<8 { value |= UInt64(bytes[start + index]) << UInt64(8 * index) }
    return Int64(bitPattern: value)
}
