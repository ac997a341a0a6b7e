// The access file: what is understood, what is refused with its place, and how it is replaced.

import API
import Base
import Foundation
import RPC
import Testing

@testable import holdfast

@Suite struct AccessFileTests {
    private static let hash = "sha256:" + String(repeating: "a1", count: 32)

    /// A file in a folder of its own, which goes with it.
    private func withFile<Value>(
        _ text: String?,
        _ body: (AccessFile) throws -> Value,
    ) throws -> Value {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("access-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = AccessFile(path: folder.appendingPathComponent("access.json").path)
        if let text { try Data(text.utf8).write(to: URL(fileURLWithPath: file.path)) }
        return try body(file)
    }

    private func problems(_ text: String) -> [String] {
        AccessDocument.callers(in: Data(text.utf8)).problems.map { "\($0.field) \($0.description)" }
    }

    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func `everything that a caller can have is read, and written back the same`() throws {
        let text = """
            {"callers": [
              {"name": "web-shop", "roles": ["caller", "channel"], "channel": "web",
               "tokens": [{"hash": "\(Self.hash)", "not_before": "2026-01-02",
                           "expires": "2027-01-01T12:00:00Z"}],
               "certificates": ["uri:spiffe://shop/web", "dns:Web.example"]},
              {"name": "desk", "roles": ["support"]}
            ]}
            """
        let (callers, problems) = AccessDocument.callers(in: Data(text.utf8))
        #expect(problems == [])
        let hash = try #require(TokenHash(Self.hash))
        #expect(
            callers == [
                AccessCaller(
                    name: "web-shop",
                    roles: [.caller, .channel],
                    channel: "web",
                    tokens: [
                        AccessToken(
                            hash: hash,
                            notBefore: Instant(seconds: 1_767_312_000),
                            expires: Instant(seconds: 1_798_804_800),
                        )
                    ],
                    certificates: [.uri("spiffe://shop/web"), .dns("web.example")],
                ),
                AccessCaller(name: "desk", roles: .support),
            ]
        )
        let again = AccessDocument.callers(in: try AccessDocument.data(callers))
        #expect(again.problems == [])
        #expect(again.callers == callers)
    }

    @Test func `each problem is told with its place, all of them at once`() {
        let told = problems(
            """
            {"callers": [
              {"name": 7, "roles": ["chanel", "support"], "chanel": "web"},
              {"roles": "admin", "tokens": [{"hash": "hf_secret"}, 5, {}]},
              {"name": "x", "roles": ["caller"], "certificates": ["web.example"],
               "tokens": [{"hash": "\(Self.hash)", "expires": "soon", "until": "x"}]},
              []
            ], "version": 1}
            """
        )
        for wanted in [
            "version is not known here", "callers[0].name must be a text",
            "callers[0].roles[0] is \"chanel\", which is no role; did you mean channel?",
            "callers[0].chanel is not known here; did you mean channel?",
            "callers[1].name is missing", "callers[1].roles must be a list",
            "callers[1].tokens[0].hash must be sha256: and 64 hex digits",
            "callers[1].tokens[1] must be an object", "callers[1].tokens[2].hash is missing",
            "callers[2].certificates[0] must be uri:NAME or dns:NAME",
            "callers[2].tokens[0].expires must be a moment such as 2026-12-01T00:00:00Z",
            "callers[2].tokens[0].until is not known here", "callers[3] must be an object",
        ] {
            #expect(told.contains(wanted), "\(wanted) is missing in \(told)")
        }
        #expect(told.count == 13)
        #expect(!told.joined().contains("hf_secret"))
    }

    @Test(arguments: ["", "[]", "{", "{}", "{\"callers\": 1}", "null"])
    func `a text that is no access file is refused`(text: String) {
        #expect(problems(text).count == 1)
    }

    @Test func `a new file is its owner's alone, and one that is there keeps its mode`() throws {
        try withFile(nil) { file in
            try file.change { $0.append(AccessCaller(name: "a", roles: .caller)) }
            #expect(try mode(file.path) == 0o600)
            #expect(try file.callers().map(\.name) == ["a"])
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o640],
                ofItemAtPath: file.path
            )
            try file.change { $0.append(AccessCaller(name: "b", roles: .admin)) }
            #expect(try mode(file.path) == 0o640)
            #expect(try file.callers().map(\.name) == ["a", "b"])
            let folder = URL(fileURLWithPath: file.path).deletingLastPathComponent().path
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["access.json"])
        }
    }

    @Test func `a link to the file stays a link`() throws {
        try withFile(#"{"callers": []}"#) { file in
            let link = file.path + ".link"
            try FileManager.default.createSymbolicLink(
                atPath: link,
                withDestinationPath: "access.json",
            )
            try AccessFile(path: link).change { $0.append(AccessCaller(name: "a", roles: .caller)) }
            #expect(try file.callers().map(\.name) == ["a"])
            #expect(
                try FileManager.default.destinationOfSymbolicLink(atPath: link) == "access.json"
            )
        }
    }

    @Test func `a file that others may write is not believed`() throws {
        try withFile(#"{"callers": []}"#) { file in
            for (mode, isGood) in [(0o600, true), (0o644, true), (0o664, false), (0o602, false)] {
                try FileManager.default.setAttributes(
                    [.posixPermissions: mode],
                    ofItemAtPath: file.path,
                )
                #expect(((try? file.callers()) != nil) == isGood, "\(String(mode, radix: 8))")
            }
        }
    }

    @Test func `a change that fails or leaves something wrong changes nothing`() throws {
        try withFile(#"{"callers": []}"#) { file in
            let before = try file.bytes()
            #expect(throws: CommandError.self) {
                try file.change { callers in
                    callers.append(AccessCaller(name: "a", roles: .caller))
                    throw CommandError(.notFound, "x")
                }
            }
            #expect(throws: AccessFileError.self) {
                try file.change { $0.append(AccessCaller(name: "a", roles: .channel)) }
            }
            #expect(try file.bytes() == before)
        }
    }

    @Test func `changes at the same time are all kept`() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("access-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = AccessFile(path: folder.appendingPathComponent("access.json").path)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<16 {
                group.addTask { @concurrent in
                    try file.change {
                        $0.append(AccessCaller(name: "c\(number)", roles: .caller))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(Set(try file.callers().map(\.name)).count == 16)
    }
}
