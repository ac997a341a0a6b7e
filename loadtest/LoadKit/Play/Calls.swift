// The calls of the player: encoded, sent, and sent again with the same key until the server says
// yes or no. It must never turn "unknown" into an answer.

internal import Messages
internal import RPC
internal import SwiftProtobuf

/// Why a replay could not be finished.
package struct ReplayFailure: Error, Hashable, CustomStringConvertible {
    package var description: String

    package init(description: String) {
        self.description = description
    }
}

/// What the server said in the end.
enum CallOutcome<Answer: Sendable>: Sendable {
    case done(Answer)
    /// It will not be done; the reason is the server's own name for it.
    case refused(reason: String, message: String)
}

/// The methods of the server that a replay uses.
struct Calls: Sendable {
    private let clients: [RPCClient]
    private let deadline: ContinuousClock.Instant
    private static let callTimeoutMs: Int64 = 10_000
    private static let pauseMaxMs: Int64 = 1_000
    /// How often holds of others that are about to be decided may send us away.
    private static let contendedMax = 100
    /// How often a fault of the server itself is believed to be passing.
    private static let faultsMax = 3

    /// - Parameter deadline: when to give up on the whole replay.
    init(clients: [RPCClient], deadline: ContinuousClock.Instant) {
        self.clients = clients
        self.deadline = deadline
    }

    /// Asks until there is an answer.
    ///
    /// - Parameter lane: picks the connection.
    /// - Parameter retried: hears the reason of each attempt that has to be made again.
    func ask<Request: Message, Answer: Message>(
        _ method: String,
        _ request: Request,
        lane: Int,
        retried: (String) -> Void,
    ) async throws(ReplayFailure) -> CallOutcome<Answer> {
        let bytes = try encoded(request)
        let client = clients[lane % clients.count]
        var attempts = 0
        while true {
            guard ContinuousClock.now < deadline else {
                throw ReplayFailure(description: "the time for the replay is over (--timeout)")
            }
            do throws(Status) {
                let answer = try await client.unary(
                    "/holdfast.v1.\(method)",
                    bytes,
                    timeoutMilliseconds: Self.callTimeoutMs,
                )
                return .done(try decoded(answer.message, method))
            } catch {
                attempts += 1
                guard Self.isWorthRetrying(error, attempts) else {
                    if Self.isFault(error) {
                        throw ReplayFailure(description: "\(method) failed: \(error)")
                    }
                    return .refused(reason: error.reason, message: error.message)
                }
                retried(error.reason)
                try await pause(error.retryMs ?? 0, attempts)
            }
        }
    }

    private static func isWorthRetrying(_ status: Status, _ attempts: Int) -> Bool {
        switch status.code {
        case .unavailable, .deadlineExceeded, .resourceExhausted: true
        case .aborted: attempts < contendedMax
        case .internal, .unknown: attempts < faultsMax
        default: false
        }
    }

    /// Whether the status says nothing about the stock: no refusal, and no use in going on.
    private static func isFault(_ status: Status) -> Bool {
        switch status.code {
        case .internal, .unknown, .dataLoss, .unimplemented, .unauthenticated, .cancelled: true
        default: false
        }
    }

    /// Waits longer each time, and as long as the server asks for.
    private func pause(_ askedMs: Int64, _ attempts: Int) async throws(ReplayFailure) {
        let backoff = min(Self.pauseMaxMs, 2 << min(Int64(attempts), 16))
        let longest = max(min(askedMs, Self.pauseMaxMs), backoff)
        do {
            try await Task.sleep(for: .milliseconds(Int64.random(in: longest / 2...longest)))
        } catch {
            throw ReplayFailure(description: "the replay was ended")
        }
    }

    private func encoded(_ request: some Message) throws(ReplayFailure) -> [UInt8] {
        do {
            return try request.serializedBytes()
        } catch {
            throw ReplayFailure(description: "a request cannot be encoded: \(error)")
        }
    }

    private func decoded<Answer: Message>(
        _ bytes: [UInt8],
        _ method: String,
    ) throws(Status) -> Answer {
        do {
            return try Answer(serializedBytes: bytes)
        } catch {
            throw Status(.dataLoss, "the answer to \(method) cannot be read: \(error)")
        }
    }
}

extension Status {
    /// The name of the refusal: the server's own, else that of the code.
    var reason: String {
        for case .errorInfo(let reason, _, _) in details { return reason }
        return code.name
    }

    /// How long the server asks to wait, in milliseconds.
    var retryMs: Int64? {
        for case .retryInfo(let delay) in details { return delay }
        return nil
    }
}
