// Idempotency keys and request bodies as 128-bit digests: what the tables and the gate store.

package import Base
internal import Crypto

/// Collects the parts of a key or a body and digests them: SHA-256, cut to 128 bits.
///
/// Parts are length-prefixed, so that no two lists of parts give the same bytes.
package struct DigestBuilder: Sendable {
    private var bytes: [UInt8] = []

    package init() {
        bytes.reserveCapacity(240)
    }

    package mutating func add(_ text: String) {
        add(Int64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    package mutating func add(_ number: Int64) {
        bytes.append(littleEndian: number)
    }

    package mutating func add(_ id: ID) {
        add(Int64(bitPattern: id.high))
        add(Int64(bitPattern: id.low))
    }

    /// The first 128 bits of the SHA-256 of what was added, in the form of a version 8 UUID
    /// (RFC 9562, section 5.8).
    package func digest() -> ID {
        var id = ID(high: 0, low: 0)
        for byte in SHA256.hash(data: bytes).prefix(16) {
            id.high = id.high << 8 | id.low >> 56
            id.low = id.low << 8 | UInt64(byte)
        }
        id.high = id.high & 0xffff_ffff_ffff_0fff | 0x8000
        id.low = id.low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
        return id
    }
}

/// What tells one body of a request from another.
package enum RequestBody: Sendable {
    case fingerprint(ID)
    /// Digested only where somebody asks, which a refusal need not.
    case parts(DigestBuilder)

    package var fingerprint: ID {
        switch self {
        case .fingerprint(let id): id
        case .parts(let body): body.digest()
        }
    }
}

extension DigestBuilder {
    /// What kind of command a key belongs to; a key may be used once per kind.
    package enum Scope: String {
        case reserve
        case reservationCommand
        case stock
        case order
        case orderCommand
        case count
        /// Changes of the network and of rule sets.
        case network
        case fulfilment
        case exception
    }

    /// The digest of an idempotency key.
    package static func key(_ scope: Scope, _ idempotencyKey: String) -> ID {
        var builder = DigestBuilder()
        builder.add(scope.rawValue)
        builder.add(idempotencyKey)
        return builder.digest()
    }
}
