// Who calls: what the transport knows of a peer, what the application makes of it, and the question
// between the two that is asked before a call begins.

/// What a client certificate that was checked says of its holder.
package struct PeerIdentity: Hashable, Sendable {
    /// Names of type URI in the certificate's subject alternative name, in their order.
    package var uris: [String]
    /// Names of type DNS in the certificate's subject alternative name, in their order.
    package var dnsNames: [String]

    package init(uris: [String] = [], dnsNames: [String] = []) {
        self.uris = uris
        self.dnsNames = dnsNames
    }
}

/// Who a call is made for, as the application knows callers.
package struct Caller: Hashable, Sendable {
    /// Names the caller in records.
    package var name: String
    /// A set of bits whose meaning is the application's.
    package var roles: UInt32
    /// What the roles are limited to, if they are; the application's word too.
    package var scope: String

    package init(name: String, roles: UInt32 = 0, scope: String = "") {
        self.name = name
        self.roles = roles
        self.scope = scope
    }
}

/// What is known of a call before its first message.
package struct CallHead: Sendable {
    /// `/package.Service/Method`, one that is served.
    package var path: String
    package var metadata: Metadata
    /// Address and port of the peer.
    package var peer: String
    /// Nil without a client certificate that was checked.
    package var identity: PeerIdentity?

    package init(path: String, metadata: Metadata, peer: String, identity: PeerIdentity?) {
        self.path = path
        self.metadata = metadata
        self.peer = peer
        self.identity = identity
    }
}

/// Says who makes a call, or refuses it; runs on the loop of the connection and must not wait.
package typealias CallGuard = @Sendable (_ head: CallHead) throws(Status) -> Caller?
