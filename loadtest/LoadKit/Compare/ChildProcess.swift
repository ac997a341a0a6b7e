// Programs that a comparison starts: run to their end, or kept as servers until we are done. Whatever
// they print goes to files, so that none of them ever waits for a reader.

internal import Foundation
internal import Synchronization

/// What a program left behind.
struct FinishedProgram: Hashable, Sendable {
    var status: Int32
    var output: String
    var errors: String
}

/// A program that runs.
final class ChildProcess: Sendable {
    private let process: Process
    private let folder: URL
    /// Servers of ours end when nobody holds the other end of this any more.
    private let input = Pipe()
    private let ended: AsyncStream<Int32>

    var identifier: Int { Int(process.processIdentifier) }
    var isRunning: Bool { process.isRunning }

    init(_ program: String, _ arguments: [String]) throws(CompareFailure) {
        let process = Process()
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "holdfast-peer-\(UUID().uuidString)")
        let (ended, ending) = AsyncStream.makeStream(of: Int32.self)
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = input
        process.terminationHandler = { process in
            ending.yield(process.terminationStatus)
            ending.finish()
        }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            for name in ["output", "errors"] {
                try Data().write(to: folder.appending(path: name))
            }
            process.standardOutput = try FileHandle(
                forWritingTo: folder.appending(path: "output")
            )
            process.standardError = try FileHandle(forWritingTo: folder.appending(path: "errors"))
            try process.run()
        } catch {
            try? FileManager.default.removeItem(at: folder)
            throw CompareFailure(description: "\(program) cannot be started: \(error)")
        }
        self.process = process
        self.folder = folder
        self.ended = ended
    }

    /// What it has printed so far.
    var output: String { text("output") }
    var errors: String { text("errors") }

    private func text(_ name: String) -> String {
        let data = (try? Data(contentsOf: folder.appending(path: name))) ?? Data()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Waits for its end, which comes after so many seconds at the latest.
    func finish(timeoutSeconds: Double) async -> FinishedProgram {
        let watchdog = Task { [process] in
            try await Task.sleep(for: .seconds(timeoutSeconds))
            process.terminate()
        }
        var status: Int32 = -1
        for await code in ended { status = code }
        watchdog.cancel()
        let finished = FinishedProgram(status: status, output: output, errors: errors)
        try? FileManager.default.removeItem(at: folder)
        return finished
    }

    /// Asks it to end, and waits until it has.
    func stop() async {
        process.terminate()
        _ = await finish(timeoutSeconds: 10)
    }

    /// Runs a program to its end.
    static func run(
        _ program: String,
        _ arguments: [String],
        timeoutSeconds: Double,
    ) async throws(CompareFailure) -> FinishedProgram {
        let child = try ChildProcess(program, arguments)
        return await child.finish(timeoutSeconds: timeoutSeconds)
    }
}
