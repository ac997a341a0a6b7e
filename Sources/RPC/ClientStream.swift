// A streaming call as its caller sees it, from any task.
//
// `@unchecked Sendable` because its state belongs to the client's loop; every method goes there.

internal import Base
internal import Loop
internal import NIOCore

/// A call with a stream on one side or on both.
///
/// One task may send while another takes replies. A stream that is let go of without having ended
/// goes on: `cancel` ends it.
package final class ClientStream: @unchecked Sendable {
    /// A sender waits while more than this waits for the server to read it, in bytes.
    private static let waitingBytesMax = 65_536

    private typealias Answer = Result<InboundMessage?, Status>

    private let core: ClientCore
    private let call: ClientCall
    // Confined to the loop.
    private var failure: Status?
    private var hasEnded = false
    private var reader: CheckedContinuation<Answer, Never>?
    private var headReader: CheckedContinuation<Result<Metadata, Status>, Never>?
    private var writer: CheckedContinuation<Status?, Never>?

    init(core: ClientCore, call: ClientCall) {
        self.core = core
        self.call = call
        core.onLoop {
            call.completion = { self.ended($0) }
            call.onChange = { self.wake() }
            core.start(call)
        }
    }

    // MARK: Sending

    /// Sends a request, and waits while the server has too much to read.
    ///
    /// - Parameter compress: packs the message; only for a call that announced it.
    /// - Throws: the status of the call when it is over.
    package func send(_ bytes: [UInt8], compress: Bool = false) async throws(Status) {
        let failure = await onLoop { (continuation: CheckedContinuation<Status?, Never>) in
            if self.hasEnded {
                continuation.resume(returning: self.failure ?? Self.overAlready)
                return
            }
            let packs = compress && self.call.compresses
            self.call.requests.append(
                packs ? Gzip.compress(bytes) : bytes,
                isCompressed: packs,
            )
            self.call.connection?.resume(self.call)
            if self.call.requests.byteCount <= Self.waitingBytesMax {
                continuation.resume(returning: nil)
            } else {
                invariant(self.writer == nil, "two waits to send on one call")
                self.writer = continuation
            }
        }
        if let failure { throw failure }
    }

    /// Says that no request will follow.
    package func finish() async {
        await onLoop { (continuation: CheckedContinuation<Void, Never>) in
            self.call.requests.isComplete = true
            self.call.connection?.resume(self.call)
            continuation.resume()
        }
    }

    private static let overAlready = Status(.cancelled, "the call has ended already")

    // MARK: Receiving

    /// The next reply; nil when the call has ended well.
    ///
    /// - Throws: the status of a call that ended badly.
    package func next() async throws(Status) -> InboundMessage? {
        let answer = await onLoop { (continuation: CheckedContinuation<Answer, Never>) in
            invariant(self.reader == nil, "two waits for the next reply of one call")
            self.reader = continuation
            self.wake()
        }
        return try answer.get()
    }

    /// What the server sent before its first reply; waits for it.
    ///
    /// - Throws: the status of a call that ended badly before.
    package func metadata() async throws(Status) -> Metadata {
        let answer = await onLoop {
            (continuation: CheckedContinuation<Result<Metadata, Status>, Never>) in
            invariant(self.headReader == nil, "two waits for the head of one call")
            self.headReader = continuation
            self.wake()
        }
        return try answer.get()
    }

    /// What the server sent after its last reply; empty before the end.
    package func trailers() async -> Metadata {
        await onLoop { (continuation: CheckedContinuation<Metadata, Never>) in
            continuation.resume(returning: self.call.response.trailers)
        }
    }

    // MARK: The end

    /// Gives the call up: the server hears of it, and `next` throws CANCELLED.
    package func cancel() async {
        await onLoop { (continuation: CheckedContinuation<Void, Never>) in
            self.core.cancel(self.call)
            continuation.resume()
        }
    }

    private func ended(_ failure: Status?) {
        hasEnded = true
        self.failure = failure
        call.onChange = nil
        wake()
    }

    // MARK: Waking

    /// Gives those who wait what there is for them.
    private func wake() {
        if let headReader, call.response.isHeadComplete || hasEnded {
            self.headReader = nil
            headReader.resume(
                returning: failure.map { .failure($0) } ?? .success(call.response.metadata)
            )
        }
        if let writer, hasEnded || call.requests.byteCount <= Self.waitingBytesMax / 2 {
            self.writer = nil
            writer.resume(returning: hasEnded ? failure ?? Self.overAlready : nil)
        }
        guard let reader else { return }
        if let message = call.answers.popFirst() {
            self.reader = nil
            reader.resume(returning: .success(message))
            call.connection?.taken(call)
        } else if hasEnded {
            self.reader = nil
            reader.resume(returning: failure.map { .failure($0) } ?? .success(nil))
        }
    }

    private func onLoop<Value: Sendable>(
        _ body: @escaping @Sendable (CheckedContinuation<Value, Never>) -> Void
    ) async -> Value {
        await withCheckedContinuation { continuation in
            core.onLoop { body(continuation) }
        }
    }
}
