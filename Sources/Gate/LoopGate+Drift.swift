// The view as the auditor of drift reads it, and how a view that is wrong is dropped. Both are scripts
// of their own, which are not fenced and need not be: reading is exact on every Redis, and a view
// that is dropped is loaded again.

internal import Base
package import Domain
package import Promising
internal import Redis

extension LoopGate: DriftViewPort {
    private static var auditScript: String {
        String(decoding: PackageResources.audit_lua, as: UTF8.self)
    }
    private static var dropScript: String {
        String(decoding: PackageResources.drop_lua, as: UTF8.self)
    }

    /// Positions that the gate was asked about since the last call; the latest few thousand.
    package func takeTouched() -> [PositionID] { touched.take() }

    package func viewImages(
        _ positions: [PositionID]
    ) async throws(Failure) -> [PositionID: ViewImage] {
        let epoch = try auditedEpoch()
        var command = RedisCommand("EVAL")
        command.append(Self.auditScript)
        command.append(1)
        command.append(GateKeys.epoch)
        command.append(String(epoch))
        for position in positions { command.append(String(position)) }
        guard
            let images = AuditReply.images(
                try await audited(command),
                positions,
                epoch: epoch,
                pendingMs: Int64(pendingMs),
            )
        else { throw .unavailable(what: "redis: an audit without an answer", retryAfterMs: 100) }
        return images
    }

    package func drop(
        _ image: ViewImage,
        because kind: DriftKind,
    ) async throws(Failure) -> ViewDrop {
        var command = RedisCommand("EVAL")
        command.append(Self.dropScript)
        command.append(1)
        command.append(GateKeys.epoch)
        command.append(String(image.epoch))
        command.append(String(image.position))
        switch kind {
        case .view: command.append("view")
        case .pending: command.append("pending")
        case .channel: command.append("channel")
        case .unreadable, .ledger, .lostCommits, .missingRows, .channelLedger:
            command.append("unreadable")
        }
        for field in image.raw { command.append(field) }
        if kind == .channel {
            for (channel, figure) in image.channels {
                command.append(channel)
                command.append(figure)
            }
        }
        switch try await audited(command) {
        case .status("DROPPED"): return .dropped
        case .status("GONE"): return .gone
        default: return .changed
        }
    }

    private func auditedEpoch() throws(Failure) -> Int64 {
        guard let epoch = openEpoch else {
            throw .unavailable(what: "gate", retryAfterMs: 100)
        }
        return epoch
    }

    private func audited(_ command: RedisCommand) async throws(Failure) -> RedisReply {
        let reply: RedisReply
        do throws(RedisError) {
            reply = try await redis.send(command)
        } catch {
            throw .unavailable(what: "redis: \(error)", retryAfterMs: 100)
        }
        if case .error(let error) = reply {
            throw .unavailable(what: "redis: \(error)", retryAfterMs: 100)
        }
        return reply
    }
}

/// What audit.lua answers.
enum AuditReply {
    /// The views in a reply; nil when it is none.
    ///
    /// - Parameter pendingMs: how long a pending entry lives, from which its age follows.
    static func images(
        _ reply: RedisReply,
        _ positions: [PositionID],
        epoch: Int64,
        pendingMs: Int64,
    ) -> [PositionID: ViewImage]? {
        guard case .array(let parts) = reply, parts.count == positions.count + 1,
            let now = parts[0].text.flatMap({ Int64($0) })
        else { return nil }
        var images: [PositionID: ViewImage] = [:]
        for (position, part) in zip(positions, parts.dropFirst()) {
            guard case .array(let fields) = part, fields.count == 8,
                case .array(let pairs) = fields[7]
            else { return nil }
            let raw = fields[0..<4].map { $0.text ?? "" }
            if raw.allSatisfy(\.isEmpty) { continue }
            let deadline = fields[5].text.flatMap { Int64($0) }
            images[position] = ViewImage(
                position: position,
                epoch: epoch,
                raw: raw,
                pendingSum: fields[4].text.flatMap { Int64($0) },
                pendingMs: deadline.map { max(0, now - ($0 - pendingMs)) } ?? 0,
                channels: channels(pairs),
                knowsChannels: fields[6] == .null,
            )
        }
        return images
    }

    /// Names and figures in turn.
    private static func channels(_ pairs: [RedisReply]) -> [String: String] {
        var channels: [String: String] = [:]
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            channels[pairs[index].text ?? ""] = pairs[index + 1].text ?? ""
        }
        return channels
    }
}
