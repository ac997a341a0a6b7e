// The text of the gate's script for one epoch, its digest, and the names of the keys.

internal import Base
internal import Crypto
package import Promising
package import Redis

/// An epoch that can be called: its number and the digest of its script.
package struct OpenEpoch: Hashable, Sendable {
    package let record: EpochRecord
    /// The script with the epoch's number and replid in its text.
    ///
    /// Only `open` may ever send the text; everything else calls it by digest, so that a Redis that
    /// forgot it says so.
    package let script: RedisScript

    package var number: Int64 { record.epoch }

    package init(_ record: EpochRecord) {
        self.record = record
        var text = Self.template
            .replacing("@EPOCH@", with: String(record.epoch))
            .replacing("@REPLID@", with: record.replid)
        if ProtocolStep.fences.isLeftOut {
            text = text.replacing("~= REPLID", with: "== nil")
                .replacing("open ~= EPOCH", with: "open == nil")
        }
        script = RedisScript(text: text, sha1: RedisScript.digest(of: text))
    }

    private static let template = String(decoding: PackageResources.gate_lua, as: UTF8.self)
}

/// Names of keys: everything of a shard lies in one slot.
package enum GateKeys {
    /// The hash tag of the one shard that there is.
    package static let shard = "{h0}"

    /// The open epoch's number.
    package static let epoch = "\(shard):e"

    /// What all keys of an epoch begin with.
    package static func prefix(epoch: Int64) -> String { "\(shard):\(epoch):" }

    /// The epoch that a key belongs to; nil for the epoch key itself and for strangers.
    package static func epoch(of key: String) -> Int64? {
        let parts = key.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == shard else { return nil }
        return Int64(parts[1])
    }

    /// The hash of pending entries.
    package static func pending(epoch: Int64) -> String { "\(prefix(epoch: epoch))q" }

    /// The hash of a position.
    package static func position(_ id: Int64, epoch: Int64) -> String {
        "\(prefix(epoch: epoch))p\(id)"
    }
}

extension RedisScript {
    /// What a server knows a text by.
    static func digest(of text: String) -> String {
        hexadecimal(Insecure.SHA1.hash(data: Array(text.utf8)))
    }
}

private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
