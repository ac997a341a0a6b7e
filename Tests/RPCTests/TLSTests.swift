// TLS over real sockets: who is let in, who is not, and what each is told.

import Loop
import NIOSSL
import Synchronization
import TestServers
import Testing

@testable import RPC

@Suite struct TLSTests {
    private let made: TestCertificates

    init() throws {
        made = try TestCertificates.shared.get()
    }

    // MARK: Handshakes

    @Test func `calls pass over TLS, large ones too`() async throws {
        try await withTLSServer(try TLSContexts(made.serverTLS)) { port, _ in
            for host in ["127.0.0.1", "localhost"] {
                let client = try await RPCClient.connect(
                    host: host,
                    port: port,
                    loop: TestLoops.first,
                    configuration: made.clientTLS(),
                )
                let message = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                for message in [[1, 2, 3], message] {
                    let answer = try await client.unary(
                        path("Echo"),
                        message,
                        timeoutMilliseconds: 20_000,
                    )
                    #expect(answer.message == message)
                }
                await client.close()
            }
        }
    }

    @Test(arguments: [TLSVersion.tlsv12, .tlsv13])
    func `a foreign peer is served by either version`(version: TLSVersion) async throws {
        try await withTLSServer(try TLSContexts(made.serverTLS)) { port, _ in
            let peer = try await ForeignHandshake.attempt(port) {
                $0.minimumTLSVersion = version
                $0.maximumTLSVersion = version
            }
            #expect(peer == ForeignHandshake(spoken: "h2", serial: [101], isServed: true))
        }
    }

    @Test func `TLS 1 point 1 is refused`() async throws {
        let witness = Witness()
        try await withTLSServer(try TLSContexts(made.serverTLS), witness: witness) { port, _ in
            let peer = try await ForeignHandshake.attempt(port) {
                $0.minimumTLSVersion = .tlsv11
                $0.maximumTLSVersion = .tlsv11
                $0.cipherSuites = "ALL"
            }
            #expect(peer == ForeignHandshake())
            #expect(await witness.sees("the peer offers no version of TLS that is allowed here"))
        }
    }

    @Test func `a suite that HTTP/2 forbids is refused`() async throws {
        let witness = Witness()
        try await withTLSServer(try TLSContexts(made.serverTLS), witness: witness) { port, _ in
            let peer = try await ForeignHandshake.attempt(port) {
                $0.maximumTLSVersion = .tlsv12
                $0.cipherSuiteValues = [.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA]
            }
            #expect(peer == ForeignHandshake())
            #expect(await witness.sees("the peer offers no cipher suite that is allowed here"))
        }
    }

    @Test(arguments: [[], ["http/1.1"]])
    func `a peer that does not agree on h2 is not served`(protocols: [String]) async throws {
        let witness = Witness()
        try await withTLSServer(try TLSContexts(made.serverTLS), witness: witness) { port, _ in
            let peer = try await ForeignHandshake.attempt(port) {
                $0.applicationProtocols = protocols
            }
            #expect(!peer.isServed)
            #expect(peer.serial == [101])
            #expect(
                await witness.sees("the peer did not agree on h2 in the TLS handshake (ALPN)")
            )
            #expect(await witness.sees("connection closed"))
        }
    }

    @Test func `a peer without TLS on a port with TLS ends, and harms nobody`() async throws {
        let witness = Witness()
        try await withTLSServer(try TLSContexts(made.serverTLS), witness: witness) { port, _ in
            let status = await callOnce(port, RPCClientConfiguration())
            #expect(status?.code == .unavailable)
            #expect(await witness.sees("the peer does not speak TLS"))
            #expect(await witness.sees("connection closed"))
            #expect(await callOnce(port, made.clientTLS()) == nil)
        }
    }

    @Test func `a peer with TLS on a port without TLS ends, and harms nobody`() async throws {
        try await withServer { client, port, _ in
            let status = await callOnce(port, made.clientTLS())
            #expect(status?.code == .unavailable)
            #expect(status?.message.hasSuffix("the peer does not speak TLS") == true, "\(status)")
            let reply = try await echo(client, [1])
            #expect(reply == [1])
        }
    }

    @Test func `who never shakes hands is cut off while others are served`() async throws {
        var tls = made.serverTLS
        tls.handshakeMillisecondsMax = 400
        let witness = Witness()
        try await withTLSServer(try TLSContexts(tls), witness: witness) { port, _ in
            let silent = try await RawSocket(port: port)
            let halfway = try await RawSocket(port: port)
            // A record that promises 512 bytes of a ClientHello and brings one.
            try await halfway.send([0x16, 3, 1, 2, 0, 1])
            #expect(await callOnce(port, made.clientTLS()) == nil)
            #expect(try await silent.readToEnd() == [])
            _ = try await halfway.readToEnd()
            #expect(await witness.sees("the TLS handshake took longer than 400 ms", times: 2))
            #expect(await witness.sees("limit tls_handshake_time", times: 2))
            #expect(await callOnce(port, made.clientTLS()) == nil)
        }
    }

    @Test func `a server does not wait for handshakes when it ends`() async throws {
        let witness = Witness()
        let contexts = try TLSContexts(made.serverTLS)
        var silent: RawSocket?
        try await withTLSServer(contexts, witness: witness) { port, server in
            silent = try await RawSocket(port: port)
            #expect(await callOnce(port, made.clientTLS()) == nil)
            await server.shutdown(graceMilliseconds: 60_000)
            #expect(witness.all.contains("the server is shutting down"))
        }
        _ = try await silent?.readToEnd()
    }

    // MARK: What the client demands

    @Test func `a client says what is wrong with the server's certificate`() async throws {
        let all = made.all
        let cases = [
            (
                try all.certificate("s1", by: made.stranger, names: TestCertificates.here),
                "the peer's certificate is not signed by anybody who is trusted"
            ),
            (
                try all.certificate(
                    "s2",
                    by: made.authority,
                    names: TestCertificates.here,
                    days: -1,
                ),
                "the peer's certificate has expired"
            ),
            (
                try all.certificate("s3", by: made.authority, names: "DNS:elsewhere.example"),
                "the peer's certificate is of another name"
            ),
        ]
        for (files, message) in cases {
            let tls = ServerTLS(certificateFile: files.certificate, keyFile: files.key)
            try await withTLSServer(try TLSContexts(tls)) { port, _ in
                let status = await callOnce(port, made.clientTLS())
                #expect(status?.code == .unavailable)
                #expect(status?.message.contains(message) == true, "\(status)")
            }
        }
    }

    @Test(arguments: [
        ("orders.example.org", true), ("ORDERS.example.org.", true), ("stock.example.org", false),
        ("a.shops.example.org", true), ("a.b.shops.example.org", false),
        ("shops.example.org", false), ("any.net", false), ("example.org", false),
    ])
    func `the name that is demanded must be in the certificate`(
        name: String,
        isThere: Bool,
    ) async throws {
        // The address is there as well, and is not enough where a name is wanted.
        let files = try made.all.certificate(
            "named",
            by: made.authority,
            names: "DNS:orders.example.org,DNS:*.shops.example.org,DNS:*.net,IP:127.0.0.1",
        )
        let tls = ServerTLS(certificateFile: files.certificate, keyFile: files.key)
        try await withTLSServer(try TLSContexts(tls)) { port, _ in
            var configuration = made.clientTLS()
            configuration.tls?.serverName = name
            let status = await callOnce(port, configuration)
            #expect(status?.code == (isThere ? nil : .unavailable))
            #expect(isThere || status?.message.contains("another name") == true, "\(status)")
        }
    }

    @Test func `an address cannot be demanded as a name`() async throws {
        var configuration = made.clientTLS()
        configuration.tls?.serverName = "127.0.0.1"
        #expect(await callOnce(1, configuration)?.code == .failedPrecondition)
    }

    @Test func `a client's own files are named when they cannot be used`() async throws {
        var configuration = made.clientTLS()
        configuration.tls?.trustRootsFile = "/nowhere/ca.pem"
        let status = await callOnce(1, configuration)
        #expect(status?.code == .failedPrecondition)
        #expect(status?.message.contains("/nowhere/ca.pem") == true)
    }

    // MARK: Who the client is

    /// What the guard was told, for each call.
    private final class Told: Sendable {
        private let identities = Mutex<[PeerIdentity?]>([])
        var all: [PeerIdentity?] { identities.withLock { $0 } }

        var callGuard: CallGuard {
            { head throws(Status) in
                self.identities.withLock { $0.append(head.identity) }
                return nil
            }
        }
    }

    @Test func `the names of a client's certificate reach the guard`() async throws {
        let told = Told()
        let contexts = try TLSContexts(made.mutualTLS(isRequired: true))
        try await withTLSServer(contexts, guard: told.callGuard) { port, _ in
            #expect(await callOnce(port, made.clientTLS(made.client)) == nil)
        }
        let names = PeerIdentity(
            uris: ["spiffe://example.org/shop", "urn:second"],
            dnsNames: ["shop.example.org"],
        )
        #expect(told.all == [names])
    }

    @Test(arguments: [true, false])
    func `without a certificate a client has no identity, or no connection`(
        isRequired: Bool
    ) async throws {
        let told = Told()
        let contexts = try TLSContexts(made.mutualTLS(isRequired: isRequired))
        try await withTLSServer(contexts, guard: told.callGuard) { port, _ in
            let status = await callOnce(port, made.clientTLS())
            #expect(status?.code == (isRequired ? .unavailable : nil))
            if isRequired {
                let message = "the peer demands a client certificate"
                #expect(status?.message.contains(message) == true, "\(status)")
            }
        }
        #expect(told.all == (isRequired ? [] : [nil]))
    }

    @Test(arguments: [true, false])
    func `a certificate that cannot be trusted is refused`(isRequired: Bool) async throws {
        let told = Told()
        let witness = Witness()
        let contexts = try TLSContexts(made.mutualTLS(isRequired: isRequired))
        try await withTLSServer(contexts, witness: witness, guard: told.callGuard) { port, _ in
            let strange = await callOnce(port, made.clientTLS(made.strangersClient))
            #expect(strange?.code == .unavailable)
            #expect(
                await witness.sees("the peer's certificate is not signed by anybody who is trusted")
            )
            let late = await callOnce(port, made.clientTLS(made.expiredClient))
            #expect(late?.code == .unavailable)
            #expect(late?.message.contains("certificate has expired") == true, "\(late)")
            #expect(await witness.sees("the peer's certificate has expired"))
        }
        #expect(told.all == [])
    }
}
