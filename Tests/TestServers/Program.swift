// A program of ours that runs while a test does: started, signalled, waited for, and ended with the
// test process whatever happens to it.

internal import Foundation
private import Synchronization

/// A running program.
package final class Program: Sendable {
    private struct State {
        var pid: pid_t?
        var status: Int32?
    }

    private let directory: String
    private let state: Mutex<State>
    private let watchdog: Watchdog

    /// Starts a program; what it writes is read by `output` and `errors`.
    package init(_ arguments: [String]) throws {
        directory = try makeDirectory("hf-run")
        let shell = ["/bin/sh", "-c", #"exec "$@" 2>"$0""#, "\(directory)/err"]
        let pid = try spawn(shell + arguments, output: "\(directory)/out")
        state = Mutex(State(pid: pid))
        watchdog = try startWatchdog(#"kill -KILL $1; rm -rf "$2""#, ["\(pid)", directory])
    }

    deinit {
        end(SIGKILL)
        watchdog.dismiss()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// What it has written to its standard output so far.
    package var output: String { text("out") }
    /// What it has written to its standard error so far.
    package var errors: String { text("err") }

    private func text(_ name: String) -> String {
        let data = FileManager.default.contents(atPath: "\(directory)/\(name)") ?? Data()
        return String(decoding: data, as: UTF8.self)
    }

    /// True until it has ended.
    package var isRunning: Bool {
        state.withLock { state in
            guard let pid = state.pid else { return false }
            var status: Int32 = 0
            guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return true }
            state.status = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
            state.pid = nil
            return false
        }
    }

    /// Sends a signal, unless it has ended.
    package func send(_ signal: Int32) {
        state.withLock { state in
            if let pid = state.pid { Foundation.kill(pid, signal) }
        }
    }

    /// Waits until it has ended; 128 and more is a signal.
    @discardableResult
    package func wait(seconds: Int = 60) throws -> Int32 {
        try TestServers.wait(seconds: seconds, for: "a program to end") { !isRunning }
        return state.withLock { $0.status ?? -1 }
    }

    /// Sends a signal and waits until it has ended.
    @discardableResult
    package func end(_ signal: Int32) -> Int32? {
        send(signal)
        return try? wait()
    }
}

/// Waits, at most so many seconds, until `condition` holds; blocks the thread.
package func waitUntil(seconds: Int, _ what: String, _ condition: () -> Bool) throws {
    try wait(seconds: seconds, for: what, condition)
}
