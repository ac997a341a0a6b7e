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

/// Eight bytes, the least significant first.
private func int64(_ bytes: [UInt8], at start: Int) -> Int64 {
    var value: UInt64 = 0
    for index in 0..<8 { value |= UInt64(bytes[start + index]) << UInt64(8 * index) }
    return Int64(bitPattern: value)
}
