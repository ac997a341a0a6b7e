// A server with certificates as its callers see it: Python's grpcio, the commands, and whoever renews
// the certificate. And one without, which must not be reachable by others unnoticed.

import Foundation
import TestServers
import Testing

extension Heavy {
    @Suite(.serialized) struct TLSServingTests {
        /// An authority, and what it has signed for both sides.
        private struct Party {
            let all: Certificates
            let authority: CertificateFiles
            let server: CertificateFiles
            let client: CertificateFiles

            init() throws {
                all = try Certificates()
                authority = try all.authority("authority")
                server = try all.certificate("server", by: authority, names: Self.here, serial: 17)
                client = try all.certificate("client", by: authority, names: "URI:urn:shop")
            }

            static let here = "DNS:localhost,IP:127.0.0.1"

            /// A server that knows only clients of our authority.
            func deployment(_ settings: [String: String] = [:]) throws -> Deployment {
                var all = [
                    "--tls-certificate": server.certificate, "--tls-key": server.key,
                    "--tls-client-ca": authority.certificate, "--tls-client-required": "true",
                ]
                all.merge(settings) { $1 }
                return try Deployment(settings: all)
            }
        }

        @Test(.enabled(if: Client.interpreter != nil))
        func `Python's client calls every method with certificates`() throws {
            let party = try Party()
            let deployment = try party.deployment()
            let interpreter = try #require(Client.interpreter)
            let folder = "\(Binary.project)/Tests/EndToEnd"
            let ended = try Binary.run([
                "env", "HOLDFAST_TEST_TLS_CA=\(party.authority.certificate)",
                "HOLDFAST_TEST_TLS_CERTIFICATE=\(party.client.certificate)",
                "HOLDFAST_TEST_TLS_KEY=\(party.client.key)", interpreter,
                "\(folder)/Python/client.py", "\(Binary.project)/Protocols",
                "127.0.0.1:\(deployment.server.grpcPort)", "\(folder)/Cases/calls.json", "tls",
            ])
            #expect(ended.status == 0, "\(ended.errors)")
            let outcome = try JSONDecoder()
                .decode(TableOutcome.self, from: Data(ended.output.utf8))
            #expect(outcome.steps >= 40)
            #expect(outcome.problems == [])
        }

        @Test func `a certificate names its caller in the access file`() throws {
            let party = try Party()
            let folder = try TestFolder()
            let other = try party.all.certificate("other", by: party.authority, names: "URI:urn:x")
            let file = try folder.write(
                #"{"callers": [{"name": "shop", "roles": ["operator"],"#
                    + #" "certificates": ["uri:urn:shop"]}]}"#,
                as: "access.json",
            )
            let deployment = try party.deployment(["--access-file": file])
            let command = [
                "--tls-ca", party.authority.certificate, "--server",
                "localhost:\(deployment.server.grpcPort)",
            ]
            func run(_ arguments: [String], as client: CertificateFiles) throws -> Ended {
                let ours = ["--tls-certificate", client.certificate, "--tls-key", client.key]
                return try Binary.run([Binary.path] + arguments + command + ours)
            }
            let received = try run(["stock", "receive", "A@N=5"], as: party.client)
            #expect(received.status == 0, "\(received.errors)")
            #expect(try run(["reserve", "A@N=1"], as: party.client).status == 6)
            #expect(try run(["stock", "receive", "A@N=5"], as: other).status == 6)
            let principals = "SELECT DISTINCT principal FROM position_ledger"
            #expect(try deployment.sql(principals) == "shop")
        }

        @Test func `commands call with certificates, and say what is wrong without`() throws {
            let party = try Party()
            let deployment = try party.deployment()
            let command = [
                Binary.path, "stock", "receive", "A@N=5", "--server",
                "localhost:\(deployment.server.grpcPort)",
            ]
            let trust = ["--tls-ca", party.authority.certificate]
            let ours = [
                "--tls-certificate", party.client.certificate, "--tls-key", party.client.key,
            ]
            let good = try Binary.run(command + trust + ours)
            #expect(good.status == 0, "\(good.errors)")
            let nameless = try Binary.run(command + trust)
            #expect(nameless.status == 5)
            #expect(nameless.errors.contains("demands a client certificate"), "\(nameless.errors)")
            let trusting = try Binary.run(command + ["--tls"] + ours)
            #expect(trusting.status == 5)
            #expect(trusting.errors.contains("not signed by anybody who is trusted"))
            let misnamed = try Binary.run(command + trust + ours + ["--tls-server-name", "x.org"])
            #expect(misnamed.status == 5)
            #expect(misnamed.errors.contains("another name"), "\(misnamed.errors)")
            let plain = try Binary.run(command)
            #expect(plain.status == 5)
            let missing = try Binary.run(command + ["--tls-ca", "/nowhere/ca.pem"])
            #expect(missing.status == 2)
            #expect(missing.errors.contains("/nowhere/ca.pem"))
        }

        @Test func `a renewed certificate is served without a restart`() async throws {
            let party = try Party()
            let deployment = try party.deployment()
            let server = deployment.server
            let name = "holdfast_tls_reloads_total"
            #expect(try serial(server) == "11")
            let expiry = "holdfast_tls_certificate_expiry_seconds"
            let before = try #require(try await Page(server, "/metrics").metric(expiry))
            #expect(before > Date().timeIntervalSince1970)
            // Found by itself:
            let next = try party.all.certificate(
                "next",
                by: party.authority,
                names: Party.here,
                serial: 18,
                days: 90,
            )
            try party.all.replace(party.server, with: next)
            try await page(server) { $0.metric(name, "done") == 1 }
            #expect(try serial(server) == "12")
            #expect(try await Page(server, "/metrics").metric(expiry) ?? 0 > before)
            // Broken, and found by itself:
            try "half".write(toFile: party.server.key, atomically: true, encoding: .utf8)
            try await page(server) { $0.metric(name, "failed") == 1 }
            #expect(try serial(server) == "12")
            #expect(server.errors.contains(party.server.key))
            // Told to look; a look of its own would not tell the same again:
            server.send(SIGHUP)
            try await page(server) { $0.metric(name, "failed") == 2 }
            // Mended:
            let third = try party.all.certificate(
                "third",
                by: party.authority,
                names: Party.here,
                serial: 19,
            )
            try party.all.replace(party.server, with: third)
            try await page(server) { $0.metric(name, "done") == 2 }
            #expect(try serial(server) == "13")
            #expect(server.isRunning)
        }

        /// The serial number that a newcomer is shown, in hexadecimal.
        private func serial(_ server: ServerProcess) throws -> String {
            let shown = "openssl s_client -connect 127.0.0.1:\(server.grpcPort) -alpn h2 </dev/null"
            let ended = try Binary.run([
                "/bin/sh", "-c", "\(shown) 2>/dev/null | openssl x509 -noout -serial",
            ])
            return ended.output.trimmingCharacters(in: .whitespacesAndNewlines)
                .replacing("serial=", with: "")
        }

        /// Waits until the page of metrics is as it should be.
        private func page(_ server: ServerProcess, _ holds: (Page) -> Bool) async throws {
            for _ in 0..<300 {
                if holds(try await Page(server, "/metrics")) { return }
                try await Task.sleep(for: .milliseconds(100))
            }
            Issue.record("the metrics never came to what they should be")
        }

        @Test func `a server does not start with settings that let others listen in`() throws {
            let command = [
                Binary.path, "serve", "--redis", "127.0.0.1:1", "--postgres", "host=/nowhere",
            ]
            let open = try Binary.run(command + ["--grpc-host", "0.0.0.0"])
            #expect(open.status == 2)
            #expect(open.errors.contains("grpc.plaintext.anywhere"), "\(open.errors)")
            let missing = try Binary.run(
                command + ["--tls-certificate", "/nowhere/s.pem", "--tls-key", "/nowhere/s.key"]
            )
            #expect(missing.status == 2)
            #expect(missing.errors.contains("/nowhere/s.pem"), "\(missing.errors)")
        }
    }
}
