// Programs that a comparison starts: run to their end, or kept as servers until we are done. Whatever
// they print goes to files, so that none of them ever waits for a reader. They start out deaf to signals,
// as the threads of this process are, so servers end with their input and the rest is killed.

internal import Foundation
internal import Glibc

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
    /// Servers end when nobody holds the other end of this any more, also when we have crashed.
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
            if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        }
        var status: Int32 = -1
        for await code in ended { status = code }
        watchdog.cancel()
        let finished = FinishedProgram(status: status, output: output, errors: errors)
        try? FileManager.default.removeItem(at: folder)
        return finished
    }

    /// Ends its input, which ends a server, and waits until it has ended.
    func stop() async {
        try? input.fileHandleForWriting.close()
        _ = await finish(timeoutSeconds: 5)
    }

    /// Starts a server that does not look at its input: a shell looks at it in its place.
    static func server(
        _ program: String,
        _ arguments: [String],
    ) throws(CompareFailure) -> ChildProcess {
        let script = "\"$@\" & cat > /dev/null; kill -9 $!; wait"
        return try ChildProcess("/bin/sh", ["-c", script, "server", program] + arguments)
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
