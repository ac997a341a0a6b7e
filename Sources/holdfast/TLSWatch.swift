// Looks at a server's certificate files now and then and when it is told to, so that a renewed
// certificate is served without a restart. Away from the event loops: reading a file blocks.

internal import Logging
internal import RPC
internal import Synchronization
internal import Telemetry

/// Keeps the certificates of a server up to date.
final class TLSWatch: Sendable {
    private struct State {
        var done: Int64 = 0
        var failed: Int64 = 0
        /// What was told last, so that it is not told at every look.
        var told: TLSFileError?
        var task: Task<Void, Never>?
    }

    /// The pause between two looks.
    private static let pauseMilliseconds = 5_000

    private let contexts: TLSContexts
    private let logger: Logger
    private let state = Mutex(State())

    init(_ contexts: TLSContexts, logger: Logger) {
        self.contexts = contexts
        self.logger = logger
    }

    /// Looks from time to time, until `stop`.
    func start() {
        let task = Task.detached { [self] in
            while !Task.isCancelled {
                do {
                    try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
                } catch {
                    return
                }
                look(isAsked: false)
            }
        }
        state.withLock { $0.task = task }
    }

    func stop() {
        state.withLock { $0.task }?.cancel()
    }

    /// Looks once.
    ///
    /// - Parameter isAsked: whether somebody waits to be told, even if nothing is new.
    func look(isAsked: Bool) {
        do throws(TLSFileError) {
            let outcome = try contexts.reload()
            state.withLock { state in
                state.told = nil
                if outcome == .replaced { state.done += 1 }
            }
            if outcome == .replaced {
                logger.notice(
                    "new connections get the new certificate",
                    metadata: ["expires": "\(contexts.expiresAtSeconds)"],
                )
            } else if isAsked {
                logger.notice("the certificate files have not changed")
            }
        } catch {
            let isNews = state.withLock { state in
                if state.told == error, !isAsked { return false }
                state.told = error
                state.failed += 1
                return true
            }
            if isNews {
                logger.error(
                    "the certificate files cannot be used; the old certificate is served on",
                    metadata: ["error": "\(error)"],
                )
            }
        }
    }

    /// Adds what the files have brought.
    func write(to page: inout MetricsPage) {
        let (done, failed) = state.withLock { ($0.done, $0.failed) }
        page.add(.tlsReloads, done, labels: ["done"])
        page.add(.tlsReloads, failed, labels: ["failed"])
        page.add(.tlsCertificateExpiry, contexts.expiresAtSeconds)
    }
}
