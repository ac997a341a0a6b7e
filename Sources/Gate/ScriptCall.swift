// One call of the script: what it carries, packed as gate.lua states, and what its reply says.

package import Base
package import Domain
package import Promising
internal import Redis

/// Collects what one script call does, in packed form.
package struct ScriptCall {
    package private(set) var rows: [UInt8] = []
    package private(set) var loads: [UInt8] = []
    package private(set) var ends: [UInt8] = []
    package private(set) var admits: [UInt8] = []
    /// How many positions and lines it touches: bounds the time that it holds Redis up.
    package private(set) var size = 0

    package init() {}

    package mutating func add(_ row: ViewRow) {
        size += 1
        rows.append(littleEndian: row.position)
        rows.append(littleEndian: row.version)
        rows.append(littleEndian: row.delta)
        rows.append(littleEndian: row.free)
        rows.append((row.isFresh ? 1 : 0) | (row.channelSafety == nil ? 0 : 2))
        if let withheld = row.channelSafety {
            rows.append(short: withheld.channel)
            rows.append(littleEndian: withheld.quantity)
        }
    }

    package mutating func add(_ load: LoadedPosition) {
        size += 1
        loads.append(littleEndian: load.position)
        loads.append(littleEndian: load.version)
        loads.append(littleEndian: load.free)
        invariant(load.channelSafety.count < 256, "a position withholds from too many channels")
        loads.append(UInt8(load.channelSafety.count))
        for withheld in load.channelSafety {
            loads.append(short: withheld.channel)
            loads.append(littleEndian: withheld.quantity)
            loads.append(littleEndian: load.version)
        }
    }

    package mutating func end(_ key: ID, _ end: PendingEnd) {
        size += 1
        ends.append(id: key)
        switch end {
        case .committed: ends.append(1)
        case .dropped: ends.append(0)
        }
    }

    package mutating func add(_ admission: Admission) {
        size += admission.lines.count
        admits.append(id: admission.key)
        admits.append(admission.isChecked ? 1 : 0)
        admits.append(short: admission.channel)
        admits.append(UInt8(truncatingIfNeeded: admission.lines.count))
        admits.append(UInt8(truncatingIfNeeded: admission.lines.count >> 8))
        for line in admission.lines {
            admits.append(littleEndian: line.position)
            admits.append(littleEndian: line.quantity)
        }
    }

    /// The command that carries it, for the script of one epoch.
    func command(_ epoch: OpenEpoch, pendingMs: Int) -> RedisCommand {
        let arguments = [
            Array("batch".utf8), rows, loads, ends, admits, Array(String(pendingMs).utf8),
        ]
        if ProtocolStep.fences.isLeftOut {
            var command = RedisCommand("EVAL", epoch.script.text, "1", GateKeys.epoch)
            for argument in arguments { command.append(argument) }
            return command
        }
        return .evalsha(epoch.script.sha1, keys: [GateKeys.epoch], arguments: arguments)
    }
}

/// What the script says to one call.
package struct ScriptReply {
    /// To the admissions, in their order.
    package private(set) var answers: [AdmissionAnswer] = []
    /// Positions whose view lacks a version before others that it has.
    package private(set) var gaps: [PositionID] = []

    /// Reads the records of a reply; nil when the bytes are not what gate.lua promises.
    package init?(_ bytes: [UInt8], epoch: Int64) {
        var at = 0
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "a"): answers.append(.admitted(epoch: epoch, isShared: false))
            case UInt8(ascii: "s"): answers.append(.admitted(epoch: epoch, isShared: true))
            case UInt8(ascii: "k"): answers.append(.known(epoch: epoch))
            case UInt8(ascii: "m"): answers.append(.missing(epoch: epoch))
            case UInt8(ascii: "r"):
                guard at + 18 < bytes.count else { return nil }
                answers.append(
                    .refused(
                        epoch: epoch,
                        line: Int(bytes[at + 1]) | Int(bytes[at + 2]) << 8,
                        free: Self.int64(bytes[(at + 3)...]),
                        pending: Self.int64(bytes[(at + 11)...]),
                    )
                )
                at += 18
            case UInt8(ascii: "g"):
                guard at + 8 < bytes.count else { return nil }
                gaps.append(Self.int64(bytes[(at + 1)...]))
                at += 8
            default: return nil
            }
            at += 1
        }
    }

    private static func int64(_ bytes: ArraySlice<UInt8>) -> Int64 {
        var value: UInt64 = 0
        for (index, byte) in bytes.prefix(8).enumerated() {
            value |= UInt64(byte) << UInt64(8 * index)
        }
        return Int64(bitPattern: value)
    }
}

extension [UInt8] {
    /// Appends the 16 bytes of an id.
    fileprivate mutating func append(id: ID) {
        for index in 0..<16 { append(id[byte: index]) }
    }

    /// Appends a length of one byte and the text.
    fileprivate mutating func append(short text: String) {
        invariant(text.utf8.count < 256, "a name of \(text.utf8.count) bytes")
        append(UInt8(text.utf8.count))
        append(contentsOf: text.utf8)
    }
}
