// Servers and clients with certificates, and a peer that shakes hands in any way it likes.

import Loop
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization
import TestServers

@testable import RPC

/// The certificates of all tests of TLS.
struct TestCertificates {
    static let shared = Result { try TestCertificates() }

    let all: Certificates
    let authority: CertificateFiles
    let stranger: CertificateFiles
    let server: CertificateFiles
    let client: CertificateFiles
    let strangersClient: CertificateFiles
    let expiredClient: CertificateFiles

    init() throws {
        all = try Certificates()
        authority = try all.authority("authority")
        stranger = try all.authority("stranger")
        server = try all.certificate("server", by: authority, names: Self.here, serial: 101)
        let names = "URI:spiffe://example.org/shop,DNS:shop.example.org,URI:urn:second,IP:127.0.0.1"
        client = try all.certificate("client", by: authority, names: names)
        strangersClient = try all.certificate("strange", by: stranger, names: names)
        expiredClient = try all.certificate("late", by: authority, names: names, days: -1)
    }

    static let here = "DNS:localhost,IP:127.0.0.1"

    /// A copy of the server's files, to be replaced by a test.
    func ownServer(_ name: String, serial: Int = 101) throws -> CertificateFiles {
        try all.certificate(name, by: authority, names: Self.here, serial: serial)
    }

    var serverTLS: ServerTLS {
        ServerTLS(certificateFile: server.certificate, keyFile: server.key)
    }

    /// Settings that ask clients for certificates.
    func mutualTLS(isRequired: Bool) -> ServerTLS {
        var tls = serverTLS
        tls.clientCAFile = authority.certificate
        tls.isClientCertificateRequired = isRequired
        return tls
    }

    /// A client that trusts our authority and shows `files`.
    func clientTLS(_ files: CertificateFiles? = nil) -> RPCClientConfiguration {
        var configuration = RPCClientConfiguration()
        configuration.tls = ClientTLS(
            trustRootsFile: authority.certificate,
            identity: files.map {
                ClientTLS.Identity(certificateFile: $0.certificate, keyFile: $0.key)
            },
        )
        return configuration
    }
}

/// A server with TLS, gone afterwards.
func withTLSServer(
    _ tls: TLSContexts,
    _ configuration: RPCServerConfiguration = RPCServerConfiguration(),
    witness: Witness = Witness(),
    guard callGuard: CallGuard? = nil,
    _ body: (_ port: Int, _ server: RPCServer) async throws -> Void,
) async throws {
    let server = RPCServer(
        configuration: configuration,
        loops: TestLoops.all,
        registry: { _ in echoRegistry(witness) },
        events: { _ in
            var events = RPCServerEvents()
            events.handshakeFailed = { witness.note($0) }
            events.limitHit = { witness.note("limit \($0.rawValue)") }
            events.connectionClosed = { witness.note("connection closed") }
            return events
        },
        callGuard: { _ in callGuard },
        tls: tls,
        logger: quietLogger,
    )
    let port = try await server.start()
    do {
        try await body(port, server)
    } catch {
        await server.shutdown(graceMilliseconds: 0)
        throw error
    }
    await server.shutdown(graceMilliseconds: 1_000)
}

/// Connects, makes one call and closes; the status when that fails anywhere.
func callOnce(
    _ port: Int,
    _ configuration: RPCClientConfiguration,
    host: String = "127.0.0.1",
) async -> Status? {
    do throws(Status) {
        let client = try await RPCClient.connect(
            host: host,
            port: port,
            loop: TestLoops.first,
            configuration: configuration,
        )
        let status = await failure { () throws(Status) in
            try await client.unary(path("Echo"), [7], timeoutMilliseconds: 10_000)
        }
        await client.close()
        return status
    } catch {
        return error
    }
}

/// What a server says back.
func echo(_ client: RPCClient, _ message: [UInt8]) async throws -> [UInt8] {
    try await client.unary(path("Echo"), message, timeoutMilliseconds: 10_000).message
}

/// How a handshake of a foreign peer ended.
struct ForeignHandshake: Hashable, Sendable {
    /// What ALPN agreed on.
    var spoken: String?
    /// The serial number of the server's certificate.
    var serial: [UInt8]?
    /// Whether the server has begun to speak within the encryption.
    var isServed = false

    /// Shakes hands, and waits until the server speaks or hangs up.
    static func attempt(
        _ port: Int,
        _ change: (inout TLSConfiguration) -> Void = { _ in },
    ) async throws -> ForeignHandshake {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.applicationProtocols = ["h2"]
        change(&configuration)
        let context = try NIOSSLContext(configuration: configuration)
        let end = TestLoops.first.eventLoop.makePromise(of: ForeignHandshake.self)
        let channel = try await ClientBootstrap(group: TestLoops.first.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        try NIOSSLClientHandler(context: context, serverHostname: nil),
                        Watcher(end),
                    ])
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let outcome = try await end.futureResult.get()
        try? await channel.close().get()
        return outcome
    }

    private final class Watcher: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private var outcome = ForeignHandshake()
        private let end: EventLoopPromise<ForeignHandshake>

        init(_ end: EventLoopPromise<ForeignHandshake>) {
            self.end = end
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case TLSUserEvent.handshakeCompleted(let spoken)? = event as? TLSUserEvent else {
                return
            }
            outcome.spoken = spoken
            let tls = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
            outcome.serial = tls?.peerCertificate?.serialNumber
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            outcome.isServed = true
            end.succeed(outcome)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}

        func channelInactive(context: ChannelHandlerContext) {
            end.succeed(outcome)
        }
    }
}
