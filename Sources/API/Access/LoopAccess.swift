// The question that is asked before a call begins: who is it, and may it? One for each loop, so that
// nothing is locked; a new book is handed to the loop as a message.
//
// What a connection has shown is not remembered: hashing a token takes 0.5 us and comparing it with a
// hundred others next to nothing (0.7 us a call in all, 1.8 us with a thousand), and so a token that
// is revoked is out with the next call.

package import Base
package import Loop
internal import NIOCore
package import RPC

/// What one loop knows of callers; confined to that loop.
package final class LoopAccess {
    /// Who is known; nil: the server is open to everybody.
    package var book: AccessBook?
    private let clock: any Clock
    /// The rule asked for last: calls come in rows, and comparing a string with itself costs nothing.
    private var recent: (path: String, rule: AccessTable.Rule)?

    package init(book: AccessBook?, clock: any Clock = SystemClock()) {
        self.book = book
        self.clock = clock
    }

    /// The guard of the loop; called on it.
    package func callGuard(on loop: Loop) -> CallGuard {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        return { head throws(Status) in try bound.value.judge(head) }
    }

    /// Says who makes a call, or refuses it.
    ///
    /// Nil: an open server and nobody who could be known; what the call says of itself is all there
    /// is.
    package func judge(_ head: CallHead) throws(Status) -> Caller? {
        guard let rule = rule(at: head.path) else { throw .forbidden }
        guard let book else { return head.identity.flatMap(Caller.init(certificate:)) }
        if rule == .anybody { return Caller(name: AccessCaller.nobody) }
        guard let caller = caller(of: head, in: book) else { throw .unknownCaller }
        guard rule.admits(caller.roles) else { throw .forbidden }
        return Caller(
            name: caller.name,
            roles: caller.roles.rawValue,
            scope: rule.isLimited(caller.roles) ? caller.channel : "",
        )
    }

    private func rule(at path: String) -> AccessTable.Rule? {
        if let recent, recent.path == path { return recent.rule }
        guard let rule = AccessTable.rules[path] else { return nil }
        recent = (path, rule)
        return rule
    }

    /// A token, when one is sent, is what counts: a proxy may well have a certificate of its own.
    private func caller(of head: CallHead, in book: AccessBook) -> AccessCaller? {
        switch BearerToken.sent(in: head.metadata) {
        case .none: return head.identity.flatMap(book.caller)
        case .unusable: return nil
        case .token(let hash): return book.caller(token: hash, now: clock.now)
        }
    }
}

extension BearerToken {
    /// What a call brings as its token.
    enum Sent: Hashable {
        case none
        /// Another scheme, two of them, or no token that could be ours.
        case unusable
        case token(TokenHash)
    }

    /// Reads `authorization: Bearer TOKEN`.
    static func sent(in metadata: Metadata) -> Sent {
        var sent = Sent.none
        for entry in metadata.entries where entry.name == "authorization" {
            guard sent == .none, case .ascii(let text) = entry.value,
                let token = bearer(in: text)
            else { return .unusable }
            sent = .token(TokenHash(token: token))
        }
        return sent
    }

    /// The token behind the name of the scheme, which may be in capitals or not.
    private static func bearer(in text: String) -> Substring.UTF8View? {
        let scheme = "bearer ".utf8
        let bytes = text.utf8
        guard bytes.count > scheme.count, bytes.count <= bytesMax,
            zip(bytes, scheme).allSatisfy({ $0 | 0x20 == $1 })
        else { return nil }
        return bytes.dropFirst(scheme.count)
    }
}

extension Caller {
    /// The holder of a certificate on a server that knows no callers by name.
    fileprivate init?(certificate identity: PeerIdentity) {
        guard let name = identity.uris.first ?? identity.dnsNames.first else { return nil }
        self.init(name: name, roles: Roles.all.rawValue)
    }
}

extension Status {
    /// Missing, malformed, unknown, not yet or no longer good: a stranger is not told which.
    static let unknownCaller = Status(.unauthenticated, "the call needs valid credentials")
    /// Which roles would do is nobody's business who has none of them.
    static let forbidden = Status(.permissionDenied, "the caller may not make this call")
}
