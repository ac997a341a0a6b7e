// Where an open server may listen, and where commands take their token from.

import ArgumentParser
import Foundation
import Testing

@testable import holdfast

@Suite struct AccessSettingsTests {
    private func problems(_ flags: [ConfigurationKey: String]) async throws -> [String] {
        var all: [ConfigurationKey: String] = [
            .redisAddress: "127.0.0.1:6379", .postgresConninfo: "dbname=holdfast",
            .grpcPlaintextAnywhere: "true",
        ]
        all.merge(flags) { $1 }
        let settings = try await Settings(flags: all, environment: [:], file: nil)
        do throws(SettingsError) {
            _ = try ServeConfiguration(settings)
            return []
        } catch {
            return error.problems
        }
    }

    @Test(arguments: ["127.0.0.1", "127.8.9.10", "localhost", "::1"])
    func `an open server may listen on loopback`(host: String) async throws {
        #expect(try await problems([.grpcHost: host]) == [])
    }

    @Test(arguments: ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.com", "127.0.0", "shop"])
    func `an open server listens elsewhere only when that was said`(host: String) async throws {
        let told = try await problems([.grpcHost: host])
        #expect(told.count == 1)
        #expect(told.first?.contains("access.open.anywhere") == true)
        #expect(try await problems([.grpcHost: host, .accessOpenAnywhere: "false"]).count == 1)
        #expect(try await problems([.grpcHost: host, .accessOpenAnywhere: "true"]) == [])
        #expect(try await problems([.grpcHost: host, .accessFile: "/a.json"]) == [])
        // Whoever has no certificate cannot even connect.
        let tls: [ConfigurationKey: String] = [
            .grpcHost: host, .tlsCertificate: "c", .tlsKey: "k", .tlsClientCA: "a",
        ]
        #expect(try await problems(tls).count == 1)
        #expect(try await problems(tls.merging([.tlsClientRequired: "true"]) { $1 }) == [])
    }

    @Test func `a server is not open and closed at once`() async throws {
        let told = try await problems([.accessFile: "/a.json", .accessOpenAnywhere: "true"])
        #expect(told == ["access.file and access.open.anywhere contradict each other"])
        #expect(try await problems([.accessOpenAnywhere: "yes"]).count == 1)
    }

    @Test func `variables with a token are no settings`() async throws {
        let environment = ["HOLDFAST_TOKEN": "t", "HOLDFAST_TOKEN_FILE": "f"]
        let settings = try await Settings(flags: [:], environment: environment, file: nil)
        #expect(settings.problems == [])
    }

    // MARK: Tokens

    @Test func `a token comes from the file named, then the variable, then the file it names`()
        throws
    {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("token-\(UUID().uuidString)").path
        try Data("hf_flag\n".utf8).write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        let plain = try CallOptions.parse([])
        let named = try CallOptions.parse(["--token-file", file])
        #expect(try plain.token([:]) == nil)
        #expect(try named.token(["HOLDFAST_TOKEN": "hf_env"]) == "hf_flag")
        let both = ["HOLDFAST_TOKEN": " hf_env ", "HOLDFAST_TOKEN_FILE": file]
        #expect(try plain.token(both) == "hf_env")
        #expect(try plain.token(["HOLDFAST_TOKEN_FILE": file]) == "hf_flag")
    }

    @Test func `a token that cannot be one is refused and not shown`() throws {
        let plain = try CallOptions.parse([])
        for wrong in ["", " ", "hf_a hf_b", "hf_\u{fc}"] {
            let error = #expect(throws: CommandError.self) {
                try plain.token(["HOLDFAST_TOKEN": wrong])
            }
            #expect(error?.exit == .invalid)
            #expect(error?.message == "HOLDFAST_TOKEN does not hold one token")
        }
        let missing = #expect(throws: CommandError.self) {
            try plain.token(["HOLDFAST_TOKEN_FILE": "/nowhere/token"])
        }
        #expect(missing?.message.contains("/nowhere/token") == true)
        #expect(throws: (any Error).self) { try CallOptions.parse(["--token", "hf_x"]) }
    }
}
