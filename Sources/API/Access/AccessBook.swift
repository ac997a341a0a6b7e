// All callers, ready to be looked up by what they bring: a value that is made once per content of the
// access file and then only read.

package import Base
package import RPC

/// Who is known, by credential.
package struct AccessBook: Sendable {
    package let callers: [AccessCaller]
    /// The hash of each token of `tokens`.
    private let hashes: [SIMD4<UInt64>]
    private let tokens: [(token: AccessToken, caller: Int)]
    private let certificates: [CertificateName: Int]

    /// - Parameter callers: a list without problems.
    package init(_ callers: [AccessCaller]) {
        invariant(AccessCaller.problems(in: callers).isEmpty, "callers are checked before use")
        var hashes: [SIMD4<UInt64>] = []
        var tokens: [(token: AccessToken, caller: Int)] = []
        var certificates: [CertificateName: Int] = [:]
        for (index, caller) in callers.enumerated() {
            for token in caller.tokens {
                hashes.append(token.hash.words)
                tokens.append((token, index))
            }
            for name in caller.certificates { certificates[name] = index }
        }
        self.callers = callers
        self.hashes = hashes
        self.tokens = tokens
        self.certificates = certificates
    }

    /// The caller with that token, when the token is good now.
    package func caller(token hash: TokenHash, now: () -> Instant) -> AccessCaller? {
        let found = index(of: hash)
        guard found >= 0, tokens[found].token.isGood(at: now) else { return nil }
        return callers[tokens[found].caller]
    }

    /// The place of a hash, or -1.
    ///
    /// Every stored hash is compared whole, without a branch on what was found: the time it takes
    /// says how many there are and nothing else.
    private func index(of hash: TokenHash) -> Int {
        var found: UInt64 = 0
        var number: UInt64 = 1
        for stored in hashes {
            let differences = stored ^ hash.words
            let any = differences[0] | differences[1] | differences[2] | differences[3]
            // All ones when there is no difference, else all zeros.
            let isSame = ((any | (0 &- any)) >> 63) &- 1
            found |= number & isSame
            number += 1
        }
        return Int(found) - 1
    }

    /// The one caller that a certificate names; nil when it names none, or several.
    package func caller(_ identity: PeerIdentity) -> AccessCaller? {
        var found: Int?
        let names =
            identity.uris.map(CertificateName.uri)
            + identity.dnsNames.map { CertificateName.dns($0.lowercased()) }
        for name in names {
            guard let index = certificates[name] else { continue }
            // Who answers to two names must not become whichever stands first.
            if let found, found != index { return nil }
            found = index
        }
        return found.map { callers[$0] }
    }
}
