// An installation whose server knows its callers by name: the access file is made by the commands that
// people use for it.

import Foundation
import TestServers

/// A deployment with an access file.
final class GuardedDeployment: Sendable {
    let deployment: Deployment
    let folder: TestFolder
    let file: String
    /// A token for each caller, by name.
    let tokens: [String: String]

    /// Every role by itself, and some that two callers have a channel for.
    static let callers: [(name: String, flags: [String])] = [
        ("checkout", ["--roles", "caller"]),
        ("web", ["--roles", "channel", "--channel", "web"]),
        ("app", ["--roles", "channel", "--channel", "app"]),
        ("both", ["--roles", "support,channel", "--channel", "app"]),
        ("desk", ["--roles", "support"]),
        ("ops", ["--roles", "operator"]),
        ("root", ["--roles", "admin"]),
    ]

    init(settings: [String: String] = [:]) throws {
        folder = try TestFolder()
        file = folder.path + "/access.json"
        var tokens: [String: String] = [:]
        for (name, flags) in Self.callers {
            tokens[name] = try Self.makeToken([name] + flags, file)
        }
        self.tokens = tokens
        deployment = try Deployment(settings: settings.merging(["--access-file": file]) { $1 })
    }

    var server: ServerProcess { deployment.server }

    func caller(_ name: String) async throws -> Caller {
        try await Caller(server, token: tokens[name])
    }

    /// Makes one more token for a caller.
    func makeToken(_ name: String) throws -> String { try Self.makeToken([name], file) }

    private static func makeToken(_ arguments: [String], _ file: String) throws -> String {
        let command = [Binary.path, "access", "token"] + arguments + ["--file", file]
        let ended = try Binary.run(command)
        guard ended.status == 0 else { throw HarnessFailure(description: ended.errors) }
        return ended.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// A folder that goes when it is no longer used.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        path =
            FileManager.default.temporaryDirectory
            .appendingPathComponent("hf-access-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700],
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file into it, and returns its path.
    func write(_ text: String, as name: String) throws -> String {
        let file = "\(path)/\(name)"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
        return file
    }
}
