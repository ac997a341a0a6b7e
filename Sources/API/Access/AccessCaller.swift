// A caller as the access file describes it, and what can be wrong with a list of them.

package import Base
package import RPC

/// One caller: what it is called, what it may do, and how it proves who it is.
package struct AccessCaller: Hashable, Sendable {
    /// Stands as the principal on every row that the caller writes.
    package var name: String
    package var roles: Roles
    /// The channel of a caller with the role `channel`; empty without that role.
    package var channel: String
    package var tokens: [AccessToken]
    package var certificates: [CertificateName]

    package init(
        name: String,
        roles: Roles,
        channel: String = "",
        tokens: [AccessToken] = [],
        certificates: [CertificateName] = [],
    ) {
        self.name = name
        self.roles = roles
        self.channel = channel
        self.tokens = tokens
        self.certificates = certificates
    }
}

/// A bearer token as it is kept.
package struct AccessToken: Hashable, Sendable {
    package var hash: TokenHash
    /// The first moment at which it is good; nil: always.
    package var notBefore: Instant?
    /// The first moment at which it is good no more; nil: never.
    package var expires: Instant?

    package init(hash: TokenHash, notBefore: Instant? = nil, expires: Instant? = nil) {
        self.hash = hash
        self.notBefore = notBefore
        self.expires = expires
    }

    /// Whether it is good at a moment; the clock is asked only when it matters.
    package func isGood(at now: () -> Instant) -> Bool {
        if notBefore == nil, expires == nil { return true }
        let moment = now()
        if let notBefore, moment < notBefore { return false }
        if let expires, moment >= expires { return false }
        return true
    }
}

/// A name in the subject alternative name of a client certificate, written `uri:NAME` or `dns:NAME`.
package enum CertificateName: Hashable, Sendable {
    case uri(String)
    /// In lower case.
    case dns(String)

    package init?(_ text: String) {
        if text.hasPrefix("uri:") {
            self = .uri(String(text.dropFirst(4)))
        } else if text.hasPrefix("dns:") {
            self = .dns(text.dropFirst(4).lowercased())
        } else {
            return nil
        }
        guard self.text.utf8.count > 4, self.text.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { return nil }
    }

    package var text: String {
        switch self {
        case .uri(let name): "uri:" + name
        case .dns(let name): "dns:" + name
        }
    }
}

extension AccessCaller {
    /// The principal of calls without credentials; no caller may have that name.
    package static let nobody = "anonymous"

    /// Everything that is wrong with a list of callers, with its place.
    package static func problems(in callers: [AccessCaller]) -> [FieldViolation] {
        var found: [FieldViolation] = []
        var names: Set<String> = []
        var hashes: Set<TokenHash> = []
        var certificates: Set<CertificateName> = []
        for (index, caller) in callers.enumerated() {
            let place = "callers[\(index)]"
            found += caller.ownProblems(place)
            if !names.insert(caller.name).inserted {
                found.append(problem("\(place).name", "stands there twice: \(caller.name)"))
            }
            for (number, token) in caller.tokens.enumerated()
            where !hashes.insert(token.hash).inserted {
                found.append(problem("\(place).tokens[\(number)].hash", "stands there twice"))
            }
            for (number, name) in caller.certificates.enumerated()
            where !certificates.insert(name).inserted {
                found.append(problem("\(place).certificates[\(number)]", "stands there twice"))
            }
        }
        return found
    }

    private func ownProblems(_ place: String) -> [FieldViolation] {
        var found: [FieldViolation] = []
        let bytes = name.utf8
        if !(1...128).contains(bytes.count) || !bytes.allSatisfy({ (0x20...0x7e).contains($0) })
            || bytes.first == 0x20 || bytes.last == 0x20
        {
            found.append(
                Self.problem("\(place).name", "must be 1 to 128 characters of printable ASCII")
            )
        }
        if name == Self.nobody {
            found.append(Self.problem("\(place).name", "\(name) stands for calls without a caller"))
        }
        if roles.isEmpty {
            let known = Role.allCases.map(\.rawValue).joined(separator: ", ")
            found.append(Self.problem("\(place).roles", "must name at least one of \(known)"))
        }
        if roles.contains(.channel) {
            var validator = Validator()
            validator.name(channel, "\(place).channel")
            found += validator.violations
        } else if !channel.isEmpty {
            found.append(
                Self.problem("\(place).channel", "is for callers with the role channel only")
            )
        }
        for (number, token) in tokens.enumerated() {
            if let first = token.notBefore, let end = token.expires, end <= first {
                found.append(
                    Self.problem("\(place).tokens[\(number)].expires", "is not after not_before")
                )
            }
        }
        return found
    }

    private static func problem(_ field: String, _ description: String) -> FieldViolation {
        FieldViolation(field: field, description: description)
    }
}
