// Where text goes: results to standard output, everything else to standard error.

internal import Base
internal import Foundation

/// Standard output and standard error.
enum Terminal {
    /// Writes a result.
    static func write(_ text: String) {
        put(text, to: .standardOutput)
    }

    /// Writes a result and a line feed.
    static func writeLine(_ text: String) {
        put(text + "\n", to: .standardOutput)
    }

    /// Writes what is not the result: progress, notes, errors.
    static func note(_ text: String) {
        put(text, to: .standardError)
    }

    /// Whether somebody watches standard error.
    static var isWatched: Bool { isatty(FileHandle.standardError.fileDescriptor) == 1 }

    /// Whether somebody watches standard output.
    static var isResultWatched: Bool { isatty(FileHandle.standardOutput.fileDescriptor) == 1 }

    private static func put(_ text: String, to handle: FileHandle) {
        do {
            try handle.write(contentsOf: Data(text.utf8))
        } catch {
            // Whoever read us has gone, as `head` does; nobody is left to be told.
            exit(CommandStatus.failed.rawValue)
        }
    }
}

/// Tells how far a long command is: one line that renews itself on a terminal, else a line every few
/// seconds.
final class Progress {
    private let what: String
    private let total: Int
    private let isWatched: Bool
    private let clock: any Base.Clock
    private let write: (String) -> Void
    private var toldAt: Instant?
    private var lastText = ""

    /// How often a log gets a line.
    private static let logMs: Int64 = 5_000
    /// How often a terminal's line is renewed.
    private static let terminalMs: Int64 = 100

    init(
        _ what: String,
        total: Int,
        isWatched: Bool = Terminal.isWatched,
        clock: any Base.Clock = SystemClock(),
        write: @escaping (String) -> Void = Terminal.note,
    ) {
        self.what = what
        self.total = total
        self.isWatched = isWatched
        self.clock = clock
        self.write = write
    }

    /// So many are done; tells it when it is time to.
    func update(_ done: Int) {
        let now = clock.now()
        let pause = isWatched ? Self.terminalMs : Self.logMs
        if let toldAt, now < toldAt.advanced(milliseconds: pause) { return }
        // In a log the first line comes after the first pause: short work leaves no trace.
        if toldAt == nil, !isWatched {
            toldAt = now
            return
        }
        toldAt = now
        tell(done)
    }

    /// Ends the line.
    func finish(_ done: Int) {
        guard isWatched, toldAt != nil else { return }
        tell(done)
        write("\n")
    }

    private func tell(_ done: Int) {
        let percent = total == 0 ? 100 : done * 100 / total
        let text = "\(what): \(done) of \(total) (\(percent) %)"
        let space = String(repeating: " ", count: max(0, lastText.count - text.count))
        write(isWatched ? "\r\(text)\(space)" : "\(text)\n")
        lastText = text
    }
}

/// Ends the process; commands have an instance method `exit` that hides the one of the system.
func endProcess(_ status: Int32) -> Never {
    exit(status)
}
