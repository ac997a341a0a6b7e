// Certificates that change while a server runs: who sees which, and what broken files do.

import Foundation
import TestServers
import Testing

@testable import RPC

@Suite struct TLSReloadTests {
    private let made: TestCertificates

    init() throws {
        made = try TestCertificates.shared.get()
    }

    private func tls(_ files: CertificateFiles) -> ServerTLS {
        ServerTLS(certificateFile: files.certificate, keyFile: files.key)
    }

    private func failure(_ body: () throws(TLSFileError) -> some Any) -> TLSFileError? {
        do throws(TLSFileError) {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    @Test func `new connections get new certificates, old ones go on`() async throws {
        let files = try made.ownServer("changing", serial: 7)
        let contexts = try TLSContexts(tls(files))
        try await withTLSServer(contexts) { port, _ in
            let old = try await RPCClient.connect(
                host: "127.0.0.1",
                port: port,
                loop: TestLoops.first,
                configuration: made.clientTLS(),
            )
            #expect(try await echo(old, [1]) == [1])
            #expect(try await ForeignHandshake.attempt(port).serial == [7])
            let before = contexts.expiresAtSeconds
            let next = try made.all.certificate(
                "next",
                by: made.authority,
                names: TestCertificates.here,
                serial: 8,
                days: 60,
            )
            try made.all.replace(files, with: next)
            #expect(try await ForeignHandshake.attempt(port).serial == [7])
            #expect(try contexts.reload() == .replaced)
            #expect(try await ForeignHandshake.attempt(port).serial == [8])
            #expect(contexts.expiresAtSeconds - before >= 29 * 86_400)
            #expect(try await echo(old, [2]) == [2])
            await old.close()
            #expect(await callOnce(port, made.clientTLS()) == nil)
        }
    }

    @Test func `files that were only touched change nothing`() throws {
        let files = try made.ownServer("touched")
        let contexts = try TLSContexts(tls(files))
        let context = contexts.current
        try made.all.replace(files, with: files)
        #expect(try contexts.reload() == .unchanged)
        #expect(contexts.current === context)
    }

    @Test func `broken files are named and what was served is served on`() async throws {
        let files = try made.ownServer("breaking", serial: 9)
        let other = try made.ownServer("other", serial: 10)
        let contexts = try TLSContexts(tls(files))
        try await withTLSServer(contexts) { port, _ in
            let whole = try String(contentsOfFile: other.certificate, encoding: .utf8)
            let half = String(whole.prefix(whole.count / 2))
            let breakages: [(String, TLSFileError)] = [
                (half, .noCertificate(file: files.certificate)),
                // The second certificate of a chain is cut off.
                (whole + half, .noCertificate(file: files.certificate)),
                ("", .noCertificate(file: files.certificate)),
                (
                    whole,
                    .keyDoesNotMatch(certificateFile: files.certificate, keyFile: files.key)
                ),
            ]
            for (text, error) in breakages {
                try text.write(toFile: files.certificate, atomically: true, encoding: .utf8)
                #expect(failure { () throws(TLSFileError) in try contexts.reload() } == error)
                #expect(try await ForeignHandshake.attempt(port).serial == [9])
            }
            let key = try String(contentsOfFile: other.key, encoding: .utf8)
            try String(key.prefix(key.count / 2))
                .write(toFile: files.key, atomically: true, encoding: .utf8)
            #expect(
                failure { () throws(TLSFileError) in try contexts.reload() }
                    == .noKey(file: files.key)
            )
            try key.write(toFile: files.key, atomically: true, encoding: .utf8)
            #expect(try contexts.reload() == .replaced)
            #expect(try await ForeignHandshake.attempt(port).serial == [10])
        }
    }

    @Test func `another authority of clients takes effect as well`() async throws {
        let authority = "\(made.all.folder)/clients.pem"
        func trust(_ files: CertificateFiles) throws {
            let text = try String(contentsOfFile: files.certificate, encoding: .utf8)
            try text.write(toFile: authority, atomically: true, encoding: .utf8)
        }
        try trust(made.authority)
        var settings = tls(made.server)
        settings.clientCAFile = authority
        settings.isClientCertificateRequired = true
        let contexts = try TLSContexts(settings)
        try await withTLSServer(contexts) { port, _ in
            #expect(await callOnce(port, made.clientTLS(made.client)) == nil)
            try trust(made.stranger)
            #expect(try contexts.reload() == .replaced)
            #expect(await callOnce(port, made.clientTLS(made.client))?.code == .unavailable)
            #expect(await callOnce(port, made.clientTLS(made.strangersClient)) == nil)
        }
    }

    @Test func `a server does not start with files that cannot be used`() throws {
        var settings = tls(made.server)
        settings.certificateFile = "/nowhere/server.pem"
        let missing = failure { () throws(TLSFileError) in try TLSContexts(settings) }
        #expect(missing == .noCertificate(file: "/nowhere/server.pem"))
        settings = tls(made.server)
        settings.keyFile = made.client.key
        let strange = failure { () throws(TLSFileError) in try TLSContexts(settings) }
        #expect(
            strange
                == .keyDoesNotMatch(
                    certificateFile: made.server.certificate,
                    keyFile: made.client.key,
                )
        )
    }
}
