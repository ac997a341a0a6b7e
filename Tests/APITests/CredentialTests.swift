// Tokens, their hashes, callers and channels as values.

import API
import Base
import RPC
import Testing

@Suite struct CredentialTests {
    @Test func `a hash is SHA-256, written as others write it`() throws {
        // FIPS 180-2, appendix B.1.
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        let hash = TokenHash(token: "abc".utf8)
        #expect(hash.text == abc)
        #expect(hash.id == "ba7816bf")
        #expect(TokenHash(abc) == hash)
        #expect(TokenHash("sha256:" + abc.dropFirst(7).uppercased()) == hash)
        for wrong in [
            "", "sha256:", "sha1:" + abc.dropFirst(7), abc + "0", "sha256:g" + abc.dropFirst(8),
        ] {
            #expect(TokenHash(wrong) == nil, "\(wrong)")
        }
    }

    @Test func `a token carries 256 bits and no two are the same`() {
        var generator = SystemRandomNumberGenerator()
        var tokens: Set<String> = []
        var used = Array(repeating: Set<Character>(), count: 46)
        for _ in 0..<4_000 {
            let token = BearerToken.make(using: &generator)
            #expect(token.utf8.count == 46)
            #expect(token.hasPrefix("hf_"))
            for (place, character) in token.enumerated() { used[place].insert(character) }
            tokens.insert(token)
        }
        #expect(tokens.count == 4_000)
        // 42 places of 6 bits and one of 4.
        #expect(used[3..<45].allSatisfy { $0.count == 64 })
        #expect(used[45].count == 16)
    }

    @Test func `each of many tokens finds its own caller and no other finds any`() {
        let callers = (0..<300)
            .map { number in
                AccessCaller(
                    name: "c\(number)",
                    roles: .caller,
                    tokens: (0..<3)
                        .map { AccessToken(hash: TokenHash(token: "t\(number)-\($0)".utf8)) },
                )
            }
        let book = AccessBook(callers)
        func name(_ token: String) -> String? {
            book.caller(token: TokenHash(token: token.utf8)) { Instant(seconds: 0) }?.name
        }
        for number in 0..<300 {
            for token in 0..<3 { #expect(name("t\(number)-\(token)") == "c\(number)") }
            #expect(name("t\(number)-3") == nil)
        }
        // One bit of one word more or less is another hash.
        let hash = callers[7].tokens[1].hash.text
        for place in [7, 22, 23, 38, 55, 70] {
            var digits = Array(hash)
            digits[place] = digits[place] == "0" ? "1" : "0"
            let other = TokenHash(String(digits))
            #expect(other.flatMap { book.caller(token: $0) { Instant(seconds: 0) } } == nil)
        }
    }

    @Test func `what is wrong with callers is named with its place`() {
        let hash = TokenHash(token: "t".utf8)
        let ends = AccessToken(
            hash: hash,
            notBefore: Instant(seconds: 5),
            expires: Instant(seconds: 5),
        )
        let callers = [
            AccessCaller(name: "", roles: []),
            AccessCaller(name: "a", roles: .channel, tokens: [ends]),
            AccessCaller(
                name: "a",
                roles: .caller,
                channel: "web",
                tokens: [AccessToken(hash: hash)]
            ),
            AccessCaller(name: "anonymous", roles: .admin, certificates: [.dns("x"), .dns("x")]),
            AccessCaller(name: "b\n", roles: .channel, channel: String(repeating: "c", count: 65)),
        ]
        let fields = AccessCaller.problems(in: callers).map(\.field)
        #expect(
            Set(fields) == [
                "callers[0].name", "callers[0].roles", "callers[1].channel",
                "callers[1].tokens[0].expires", "callers[2].name", "callers[2].channel",
                "callers[2].tokens[0].hash", "callers[3].name", "callers[3].certificates[1]",
                "callers[4].name", "callers[4].channel",
            ]
        )
    }

    @Test func `a limited call is about its own channel, named or not`() throws {
        let web = ChannelLimit("web")
        #expect(try web.channel(named: "", "channel") == "web")
        #expect(try web.channel(named: "web", "channel") == "web")
        let status = #expect(throws: Status.self) {
            try web.channel(named: "app", "external.channel")
        }
        #expect(status?.code == .permissionDenied)
        guard case .badRequest(let violations)? = status?.details.first else {
            Issue.record("the field at fault is missing")
            return
        }
        #expect(violations.map(\.field) == ["external.channel"])
        #expect(web.covers("web") && !web.covers("") && !web.covers("WEB"))
        let free = ChannelLimit()
        #expect(try free.channel(named: "app", "channel") == "app")
        #expect(try free.channel(named: "", "channel") == "")
        #expect(free.covers("app") && free.covers(""))
    }

    @Test func `names of certificates are written with their kind`() {
        #expect(CertificateName("uri:spiffe://shop/Web") == .uri("spiffe://shop/Web"))
        #expect(CertificateName("dns:Web.Example") == .dns("web.example"))
        for wrong in ["", "uri:", "dns:", "web.example", "dns:a b", "URI:x", "dns:b\u{fc}cher"] {
            #expect(CertificateName(wrong) == nil, "\(wrong)")
        }
    }
}
