// A message as it came from the peer.

/// One message of a peer, unpacked.
package struct InboundMessage: Hashable, Sendable {
    package var bytes: [UInt8]
    /// Whether it travelled compressed.
    package var wasCompressed: Bool

    package init(bytes: [UInt8], wasCompressed: Bool = false) {
        self.bytes = bytes
        self.wasCompressed = wasCompressed
    }
}

/// How the messages of one direction of a call are packed.
enum MessageEncoding: Hashable, Sendable {
    case identity
    case gzip

    /// What `grpc-accept-encoding` says: everything that we can read.
    static let accepted = "identity,gzip"

    /// The encoding of that name; nil when we do not know it.
    init?(name: LentBytes) {
        if unsafe equals(name, "identity") {
            self = .identity
        } else if unsafe equals(name, "gzip") {
            self = .gzip
        } else {
            return nil
        }
    }
}
