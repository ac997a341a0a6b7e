// Keeps a server's callers up to date: reads the access file when it is told to and every few seconds,
// off the loops, and hands each loop its new book. A file that cannot be used changes nothing.

internal import API
internal import Foundation
internal import Logging
internal import Loop
internal import NIOCore
internal import RPC
internal import Telemetry

/// Watches an access file for a server.
actor AccessWatch {
    /// How often the file is looked at.
    ///
    /// It is read whole each time: a file system need not tell, by time or size, that it has changed.
    private static let interval = Duration.seconds(5)

    private let file: AccessFile
    private let parts: [BoundParts]
    private let logger: Logger
    /// What was taken last.
    private var taken: Data
    /// Why the file could not be used when it was last looked at, so that this is told once.
    private var trouble: AccessFileError?
    private var callers: Int
    private var done = 0
    private var failed = 0
    private var task: Task<Void, Never>?
    private var isStopped = false

    /// - Parameter start: what the loops know already.
    init(_ start: AccessStart, _ parts: [BoundParts], _ logger: Logger) {
        file = start.file
        taken = start.bytes
        callers = start.book.callers.count
        self.parts = parts
        self.logger = logger
    }

    /// Looks at the file from now on.
    func start() {
        task = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.interval)
                await self?.look(isAsked: false)
            }
        }
    }

    /// Looks no more, not even when told to: the loops are about to go.
    func stop() {
        isStopped = true
        task?.cancel()
    }

    /// Takes what the file says now, when it says something else.
    func look(isAsked: Bool) async {
        if isStopped { return }
        let bytes: Data
        let book: AccessBook
        do throws(AccessFileError) {
            bytes = try file.bytes()
            if bytes == taken, !isAsked {
                trouble = nil
                return
            }
            book = AccessBook(try file.callers(in: bytes))
        } catch {
            if error == trouble, !isAsked { return }
            trouble = error
            failed += 1
            logger.error(
                "the access file cannot be used, the callers stay as they were",
                metadata: ["error": "\(error)"],
            )
            return
        }
        taken = bytes
        trouble = nil
        callers = book.callers.count
        done += 1
        // All loops are told before anything is waited for: a later look cannot overtake this one.
        let told = parts.map { part in
            let bound = part.bound
            return part.loop.start { bound.value.access.book = book }
        }
        for task in told { await task.value }
        logger.notice("access file taken", metadata: ["callers": "\(callers)"])
    }

    /// What it has seen so far.
    func figures() -> Figures {
        Figures(callers: callers, done: done, failed: failed)
    }

    /// What a watch has seen; without one, nothing.
    struct Figures: Sendable {
        var callers = 0
        var done = 0
        var failed = 0

        func write(to page: inout MetricsPage) {
            page.add(.accessCallers, Int64(callers))
            page.add(.accessReloads, Int64(done), labels: ["done"])
            page.add(.accessReloads, Int64(failed), labels: ["failed"])
        }
    }
}

/// The callers that a server starts with.
struct AccessStart: Sendable {
    let file: AccessFile
    let bytes: Data
    let book: AccessBook

    /// Reads the access file at `path`.
    init(_ path: String) throws(AccessFileError) {
        file = AccessFile(path: path)
        bytes = try file.bytes()
        book = AccessBook(try file.callers(in: bytes))
    }
}
