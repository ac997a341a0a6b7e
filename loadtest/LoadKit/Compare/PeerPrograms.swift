// The programs of the peers: where they are, how they are built, and what to say when one is missing.
// A peer that cannot be built is left out and named; it is never replaced by something else.

internal import Foundation

/// A program that a comparison needs.
package enum PeerProgram: String, CaseIterable, Hashable, Sendable {
    case naive = "naive_peer"
    case grpc = "health_peer"
    case nghttpd
    case h2load

    /// Debian's packages without which it is not there.
    package var packages: [String] {
        switch self {
        case .naive: ["g++", "libpq-dev"]
        case .grpc:
            [
                "g++", "libgrpc++-dev", "libprotobuf-dev", "protobuf-compiler",
                "protobuf-compiler-grpc",
            ]
        case .nghttpd: ["nghttp2-server"]
        case .h2load: ["nghttp2-client"]
        }
    }

    /// Whether we build it ourselves.
    var isOurs: Bool { self == .naive || self == .grpc }

    /// Why the peer was left out.
    package var skipped: String {
        let how = isOurs ? ", or loadtest/peers/build says what else" : ""
        return "skipped: \(rawValue) is missing: apt-get install"
            + " \(packages.joined(separator: " "))\(how)"
    }
}

/// Finds the programs.
package struct PeerPrograms: Hashable, Sendable {
    package var folder: String
    /// Folders of the system's programs.
    package var path: [String]

    /// `.build/peers` of the project that this was built from.
    package static let defaultFolder = project.appending(path: ".build/peers").path

    private static let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    package init(folder: String = defaultFolder, path: [String]? = nil) {
        self.folder = folder
        let variable = ProcessInfo.processInfo.environment["PATH"] ?? ""
        // Servers are often outside of the path of people.
        self.path =
            path ?? variable.split(separator: ":").map(String.init) + [
                "/usr/sbin", "/usr/local/sbin",
            ]
    }

    /// The path of a program; nil when it is not there.
    package func find(_ program: PeerProgram) -> String? {
        (program.isOurs ? [folder] : path).map { "\($0)/\(program.rawValue)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Builds what is ours and not up to date, when the sources are at hand.
    ///
    /// - Returns: what the build had to say; empty when there was nothing to say.
    package func build() async throws(CompareFailure) -> String {
        let script = Self.project.appending(path: "loadtest/peers/build").path
        guard folder == Self.defaultFolder, FileManager.default.isExecutableFile(atPath: script)
        else { return "" }
        let finished = try await ChildProcess.run(script, [], timeoutSeconds: 300)
        let packagesMissing: Int32 = 3
        guard finished.status == 0 || finished.status == packagesMissing else {
            throw CompareFailure(description: "the peers cannot be built: \(finished.errors)")
        }
        return finished.errors
    }
}
