// A client of gRPC over HTTP/2 with prior knowledge: one connection, many calls at once.

package import Loop
internal import NIOCore

/// The reply to a unary call, with what came before and after it.
package struct UnaryAnswer: Hashable, Sendable {
    package var message: [UInt8]
    /// What came before the reply.
    package var metadata: Metadata
    /// What came after the reply.
    package var trailers: Metadata
    /// Whether the reply travelled compressed.
    package var wasCompressed = false
}

/// A gRPC client.
///
/// When its connection is lost, the next call makes a new one.
package final class RPCClient: Sendable {
    private let core: ClientCore

    private init(core: ClientCore) {
        self.core = core
    }

    /// Connects to a server.
    ///
    /// - Throws: UNAVAILABLE when nobody answers there, or not as TLS demands; FAILED_PRECONDITION
    ///   when the client's own files for TLS cannot be used.
    package static func connect(
        host: String,
        port: Int,
        loop: Loop,
        configuration: RPCClientConfiguration = RPCClientConfiguration(),
    ) async throws(Status) -> RPCClient {
        let core: ClientCore
        do throws(TLSFileError) {
            core = try ClientCore(
                host: host,
                port: port,
                loop: loop,
                configuration: configuration,
            )
        } catch {
            throw Status(.failedPrecondition, "\(error)")
        }
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Void, Status>, Never>) in
            core.onLoop { core.connect { continuation.resume(returning: $0) } }
        }
        try result.get()
        return RPCClient(core: core)
    }

    /// Makes a unary call from any task; cancelling the task resets the stream.
    ///
    /// - Parameters:
    ///   - path: `/package.Service/Method`.
    ///   - timeoutMilliseconds: nil sends no deadline, so that the server's default holds.
    ///   - compress: packs the request; a server that cannot unpack it answers UNIMPLEMENTED.
    /// - Throws: the status of the server; UNAVAILABLE when there is no connection or it is lost,
    ///   DEADLINE_EXCEEDED, or CANCELLED when the task was.
    package func unary(
        _ path: String,
        _ message: [UInt8],
        metadata: Metadata = .init(),
        timeoutMilliseconds: Int64? = nil,
        compress: Bool = false,
    ) async throws(Status) -> UnaryAnswer {
        let core = core
        let call = ClientCall(
            path: path,
            message: message,
            compresses: compress,
            metadata: metadata,
            deadline: timeoutMilliseconds.map { .now() + .milliseconds($0) },
            messageBytesMax: core.configuration.messageBytesMax,
        )
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation {
                (continuation: CheckedContinuation<Result<UnaryAnswer, Status>, Never>) in
                core.onLoop {
                    call.completion = { failure in
                        if let failure {
                            continuation.resume(returning: .failure(failure))
                        } else {
                            continuation.resume(returning: .success(call.answer()))
                        }
                    }
                    core.start(call)
                }
            }
        } onCancel: {
            core.onLoop { core.cancel(call) }
        }
        return try result.get()
    }

    /// Starts a call with a stream on one side or on both, from any task.
    ///
    /// - Parameters:
    ///   - path: `/package.Service/Method`.
    ///   - timeoutMilliseconds: for the whole call; nil sends no deadline.
    ///   - compresses: announces that requests may be packed.
    package func stream(
        _ path: String,
        metadata: Metadata = .init(),
        timeoutMilliseconds: Int64? = nil,
        compresses: Bool = false,
    ) -> ClientStream {
        let call = ClientCall(
            path: path,
            message: nil,
            compresses: compresses,
            metadata: metadata,
            deadline: timeoutMilliseconds.map { .now() + .milliseconds($0) },
            messageBytesMax: core.configuration.messageBytesMax,
        )
        return ClientStream(core: core, call: call)
    }

    /// Ends every call with UNAVAILABLE and closes the connection; later calls fail at once.
    package func close() async {
        let core = core
        let closed = core.loop.eventLoop.flatSubmit { core.close() }
        // Fails only when the loop is gone, and the connection with it.
        _ = try? await closed.get()
    }
}
