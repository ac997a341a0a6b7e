// Settings: where each comes from, and everything that must stop a server from starting.

import ArgumentParser
import Foundation
import RPC
import Testing

@testable import holdfast

@Suite struct SettingsTests {
    private static let required: [ConfigurationKey: String] = [
        .redisAddress: "127.0.0.1:6379", .postgresConninfo: "dbname=holdfast",
    ]

    private func settings(
        flags: [ConfigurationKey: String] = required,
        environment: [String: String] = [:],
        json: String? = nil,
    ) async throws -> Settings {
        guard let json else {
            return try await Settings(flags: flags, environment: environment, file: nil)
        }
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("settings-\(UUID().uuidString).json")
        try Data(json.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await Settings(flags: flags, environment: environment, file: file.path)
    }

    private func problems(_ settings: Settings) -> [String] {
        do throws(SettingsError) {
            _ = try ServeConfiguration(settings)
            return []
        } catch {
            return error.problems
        }
    }

    @Test func `every setting has its line in the table and its flag`() throws {
        for key in ConfigurationKey.allCases {
            #expect(!key.entry.meaning.isEmpty)
            if let byDefault = key.entry.byDefault { #expect(key.accepts(byDefault)) }
            let words =
                TransportLimits.has(key)
                ? ["--limit", "\(key.rawValue)=value"] : ["--\(key.flag)", "value"]
            let flags = try SettingFlags.parse(words)
            #expect(flags.values == [key: "value"])
        }
        let variables = Set(ConfigurationKey.allCases.map(\.variable))
        #expect(variables.count == ConfigurationKey.allCases.count)
        #expect(TransportLimits.entries.count == TransportLimits.rows.count)
    }

    @Test func `what is required is enough, and the rest has its defaults`() async throws {
        let configuration = try ServeConfiguration(try await settings())
        #expect(configuration.grpcHost == "127.0.0.1")
        #expect(configuration.grpcPort == 50_051)
        #expect(configuration.rpcDeadlineMaxMs == 30_000)
        #expect(configuration.loops >= 1)
        #expect(configuration.redisPassword == nil)
        #expect(configuration.serverName.contains(":"))
    }

    @Test func `a flag comes before the environment, that before the file`() async throws {
        let json = """
            {"grpc": {"port": 1, "host": "127.0.0.2"}, "loops": 7, "redis.address": "file:1"}
            """
        let environment = ["HOLDFAST_GRPC_PORT": "2", "HOLDFAST_LOOPS": "6"]
        var flags = Self.required
        flags[.grpcPort] = "3"
        let all = try await settings(flags: flags, environment: environment, json: json)
        let configuration = try ServeConfiguration(all)
        #expect(configuration.grpcPort == 3)
        #expect(configuration.loops == 6)
        #expect(configuration.grpcHost == "127.0.0.2")
        #expect(configuration.redisAddress == "127.0.0.1:6379")
        #expect(all.values[.grpcPort]?.source == .flag)
        #expect(all.values[.loops]?.source == .environment)
        #expect(all.values[.expiryBatchMax]?.source == .byDefault)
        guard case .file? = all.values[.grpcHost]?.source else {
            Issue.record("grpc.host must come from the file")
            return
        }
    }

    @Test func `Postgres and Redis have short names in the environment`() async throws {
        let environment = ["HOLDFAST_POSTGRES": "dbname=x", "HOLDFAST_REDIS": "unix:/r.sock"]
        let all = try await settings(flags: [:], environment: environment)
        let configuration = try ServeConfiguration(all)
        #expect(configuration.postgresConninfo == "dbname=x")
        #expect(configuration.redisAddress == "unix:/r.sock")
    }

    @Test func `what is missing is named with every way to give it`() async throws {
        let told = problems(try await settings(flags: [:]))
        #expect(told.count == 2)
        #expect(told.contains { $0.contains("--postgres") && $0.contains("HOLDFAST_POSTGRES") })
    }

    @Test func `a slip in a variable is refused with what was meant`() async throws {
        let told = problems(
            try await settings(environment: ["HOLDFAST_GRPC_PROT": "1", "HOLDFAST_TEST_X": "1"])
        )
        #expect(told.count == 1)
        #expect(told.first?.contains("did you mean HOLDFAST_GRPC_PORT?") == true)
    }

    @Test func `a slip in the file is refused with what was meant`() async throws {
        let told = problems(try await settings(json: #"{"rpc": {"calls": {"maxx": 3}}}"#))
        #expect(told.count == 1)
        #expect(told.first?.contains("rpc.calls.maxx") == true)
        #expect(told.first?.contains("did you mean rpc.calls.max?") == true)
    }

    @Test(arguments: ["true", "1.5", "[1]", "null", "\"a lot\"", "70000", "-1"])
    func `a wrong value in the file is refused by name`(value: String) async throws {
        let told = problems(try await settings(json: "{\"grpc\": {\"port\": \(value)}}"))
        #expect(told.contains { $0.contains("grpc.port in /") }, "\(told)")
    }

    @Test func `a wrong value says where it stands and what is expected`() async throws {
        let told = problems(
            try await settings(environment: ["HOLDFAST_LOG_FORMAT": "xml", "HOLDFAST_LOOPS": ""])
        )
        #expect(
            told == [
                "HOLDFAST_LOOPS is \"\", expected a whole number, 0 to 256",
                "HOLDFAST_LOG_FORMAT is \"xml\", expected one of text, json",
            ]
        )
    }

    @Test(arguments: ["", "[]", "{", "nothing"])
    func `a file that is no JSON object is refused`(json: String) async {
        await #expect(throws: SettingsError.self) { try await settings(json: json) }
    }

    @Test func `a file that is not there is refused`() async {
        await #expect(throws: SettingsError.self) {
            try await Settings(flags: [:], environment: [:], file: "/nowhere/at/all.json")
        }
    }

    @Test(
        arguments: [
            ([.rpcDeadlineDefaultMs: "40000"], "rpc.deadline"),
            ([.rpcStreamsMax: "5000"], "rpc.streams.max"),
            ([.rpcCallsMax: "1", .rpcStreamsMax: "1", .loops: "2"], "loops"),
            ([.grpcPort: "9090"], "grpc.port"),
            ([.redisAddress: "localhost"], "redis.address"),
            ([.redisAddress: "a:1,localhost"], "redis.address has \"localhost\""),
            ([.redisAddress: "a:1,"], "redis.address has \"\""),
            ([.tlsCertificate: "a.pem"], "tls.certificate and tls.key"),
            ([.tlsKey: "a.key"], "tls.certificate and tls.key"),
            ([.tlsClientCA: "ca.pem"], "tls.client.ca needs"),
            (
                [.tlsCertificate: "a.pem", .tlsKey: "a.key", .tlsClientRequired: "true"],
                "tls.client.required needs"
            ),
            ([.grpcHost: "0.0.0.0", .accessOpenAnywhere: "true"], "grpc.plaintext.anywhere"),
            ([.grpcHost: "::", .accessOpenAnywhere: "true"], "grpc.plaintext.anywhere"),
            ([.grpcHost: "192.168.0.7", .accessOpenAnywhere: "true"], "grpc.plaintext.anywhere"),
            (
                [.grpcHost: "127.0.0.1.example.org", .accessOpenAnywhere: "true"],
                "grpc.plaintext.anywhere"
            ),
            (
                [.grpcHost: "::ffff:10.0.0.1", .accessOpenAnywhere: "true"],
                "grpc.plaintext.anywhere"
            ),
        ] as [([ConfigurationKey: String], String)]
    )
    func `settings that contradict each other are refused`(
        flags: [ConfigurationKey: String],
        name: String,
    ) async throws {
        let all = Self.required.merging(flags) { _, new in new }
        let told = problems(try await settings(flags: all))
        #expect(told.count == 1)
        #expect(told.first?.contains(name) == true)
    }

    @Test func `every limit of the transport reaches the server`() async throws {
        #expect(TransportLimits.rows.count > 30)
        for row in TransportLimits.rows {
            // Another value than the default, still within the range.
            let text = row.key.entry.byDefault ?? ""
            let other = Int(text) == row.range.upperBound ? row.range.lowerBound : Int(text)! + 1
            let flags = Self.required.merging([row.key: "\(other)"]) { _, new in new }
            let changed = try ServeConfiguration(try await settings(flags: flags)).transport
            let standard = try ServeConfiguration(try await settings(flags: Self.required))
            #expect(changed != standard.transport, "\(row.key.rawValue)")
            var expected = standard.transport
            TransportLimits.apply(
                { $0 == row.key ? other : Int($0.entry.byDefault ?? "") ?? 0 },
                to: &expected,
            )
            #expect(changed == expected, "\(row.key.rawValue)")
        }
    }

    @Test func `a port is shared only when it is asked for`() async throws {
        let alone = try ServeConfiguration(try await settings(flags: Self.required))
        #expect(!alone.grpcPortShared)
        let flags = try SettingFlags.parse(["--grpc-port-shared", "true"]).values
        let shared = Self.required.merging(flags) { _, new in new }
        #expect(try ServeConfiguration(try await settings(flags: shared)).grpcPortShared)
    }

    @Test func `limits share one flag`() throws {
        let flags = try SettingFlags.parse(["--limit", "rpc.stall.ms.max=5000"])
        #expect(flags.values == [.rpcStallMsMax: "5000"])
        for wrong in ["rpc.stall.ms.max", "grpc.port=1", "nonsense=1"] {
            #expect(throws: (any Error).self) { try SettingFlags.parse(["--limit", wrong]) }
        }
    }

    @Test(arguments: ["127.0.0.1", "127.8.8.8", "::1", "0:0:0:0:0:0:0:1", "localhost"])
    func `loopback needs no encryption`(host: String) async throws {
        let flags = Self.required.merging([.grpcHost: host]) { _, new in new }
        let configuration = try ServeConfiguration(try await settings(flags: flags))
        #expect(configuration.tls == nil)
        #expect(!configuration.isPlaintextForOthers)
    }

    @Test func `beyond loopback a server has TLS, or was told to do without`() async throws {
        var flags = Self.required
        flags[.grpcHost] = "0.0.0.0"
        flags[.grpcPlaintextAnywhere] = "true"
        flags[.accessOpenAnywhere] = "true"
        let open = try ServeConfiguration(try await settings(flags: flags))
        #expect(open.isPlaintextForOthers)
        flags[.grpcPlaintextAnywhere] = nil
        flags[.accessOpenAnywhere] = nil
        flags[.tlsCertificate] = "a.pem"
        flags[.tlsKey] = "a.key"
        flags[.tlsClientCA] = "ca.pem"
        flags[.tlsClientRequired] = "true"
        flags[.tlsHandshakeMsMax] = "1234"
        let closed = try ServeConfiguration(try await settings(flags: flags))
        #expect(!closed.isPlaintextForOthers)
        #expect(closed.tls?.certificateFile == "a.pem")
        #expect(closed.tls?.keyFile == "a.key")
        #expect(closed.tls?.clientCAFile == "ca.pem")
        #expect(closed.tls?.isClientCertificateRequired == true)
        #expect(closed.tls?.handshakeMillisecondsMax == 1_234)
    }

    @Test(arguments: [
        ("dbname=x password=secret user=u", "dbname=x password=*** user=u"),
        ("password='se cret' host=/run", "password=*** host=/run"),
        ("host = /run  sslpassword = 'a\\'b'", "host=/run sslpassword=***"),
        (
            "postgresql://u:secret@h:5432/db?sslmode=require",
            "postgresql://u:***@h:5432/db?sslmode=require"
        ),
        ("postgres://u:se@cret@h/db", "postgres://u:***@h/db"),
        ("postgres://u@h/db?password=secret&x=1", "postgres://u@h/db?password=***&x=1"),
        ("postgres://h/db", "postgres://h/db"),
        ("dbname='unclosed password=secret", "***"),
        ("secret", "***"),
    ])
    func `a connection string is shown without its password`(text: String, shown: String) {
        #expect(redactedConninfo(text) == shown)
        #expect(!redactedConninfo(text).contains("cret"))
    }

    @Test func `the listing shows every setting and no secret`() async throws {
        var flags = Self.required
        flags[.redisPassword] = "open sesame"
        flags[.postgresConninfo] = "dbname=x password=sesame"
        let all = try await settings(flags: flags)
        for text in [ShowConfiguration.text(all), ShowConfiguration.json(all)] {
            #expect(!text.contains("sesame"))
            for key in ConfigurationKey.allCases { #expect(text.contains(key.variable)) }
        }
    }

    @Test func `a wrong secret is not shown either`() async throws {
        let told = problems(
            try await settings(
                flags: [.redisAddress: "a:1"],
                environment: ["HOLDFAST_POSTGRES": ""]
            )
        )
        #expect(told == ["HOLDFAST_POSTGRES is \"\", expected a text that is not empty"])
    }
}
