// The life of a call on a server connection: begun, fed, run, answered; or abandoned on the way.

internal import Base
internal import Loop
internal import NIOCore

extension ServerConnection {
    /// The longest `grpc-message`, in bytes before encoding; a longer one is cut.
    private static let statusMessageBytesMax = 2_048
    /// The largest `grpc-status-details-bin` in bytes before encoding; a larger one is left out.
    private static let statusDetailsBytesMax = 4_096
    private static let unknownMethod = "unknown"

    // MARK: Begun

    /// The header block is complete: find the method, or refuse.
    func begin(_ stream: ServerStream) {
        do throws(Refusal) {
            try admit(stream)
        } catch {
            owner.events.callStarted?(stream.method?.path ?? Self.unknownMethod)
            refuse(stream, error)
            return
        }
        owner.events.callStarted?(stream.method?.path ?? Self.unknownMethod)
        stream.phase = .body
        if let deadline = stream.deadline {
            let id = stream.id
            stream.deadlineTimer = timers.schedule(at: deadline) { self.deadlinePassed(id) }
        }
    }

    private func admit(_ stream: ServerStream) throws(Refusal) {
        try stream.head.check()
        let method: ServiceRegistry.Method
        do throws(Status) {
            method = try owner.method(at: stream.head.path)
        } catch {
            throw .status(error)
        }
        let configuration = owner.configuration
        stream.method = method
        if let callGuard = owner.callGuard {
            let head = CallHead(
                path: method.path,
                metadata: stream.head.metadata,
                peer: peer,
                identity: identity,
            )
            do throws(Status) {
                stream.caller = try callGuard(head)
            } catch {
                throw .status(error)
            }
        }
        stream.deframer = MessageDeframer(
            messageBytesMax: method.messageBytesMax ?? configuration.messageBytesMax
        )
        let longest = configuration.deadlineMillisecondsMax * 1_000_000
        let standard = configuration.deadlineDefaultMilliseconds * 1_000_000
        let timeout = min(stream.head.timeoutNanoseconds ?? standard, longest)
        if timeout <= 0 {
            throw .status(Status(.deadlineExceeded, "the deadline had passed on arrival"))
        }
        stream.deadline = stream.startedAt + .nanoseconds(timeout)
    }

    // MARK: Fed

    /// The next bytes of the request.
    func take(_ bytes: LentBytes, _ stream: ServerStream) {
        var messages = stream.message == nil ? 0 : 1
        do throws(MessageDeframer.Violation) {
            try unsafe stream.deframer.feed(bytes) { message in
                messages += 1
                stream.message = message
            }
        } catch {
            answer(stream, .failure(.framing(error)))
            return
        }
        if messages > 1 {
            answer(stream, .failure(Status(.internal, "more than one request for a unary method")))
        }
    }

    /// The peer has ended its side.
    func end(_ stream: ServerStream) {
        stream.hasEnded = true
        guard stream.phase == .body else { return }
        guard stream.deframer.isAtBoundary else {
            answer(stream, .failure(Status(.internal, "the request was cut short")))
            return
        }
        guard let message = stream.message, let method = stream.method else {
            answer(stream, .failure(Status(.internal, "no request for a unary method")))
            return
        }
        switch method.kind {
        case .unary(let handler): run(stream, method, message, handler)
        }
    }

    // MARK: Run

    private func run(
        _ stream: ServerStream,
        _ method: ServiceRegistry.Method,
        _ message: [UInt8],
        _ handler: @escaping UnaryHandler,
    ) {
        guard owner.handlerStarts() else {
            answer(stream, .failure(Status(.resourceExhausted, "too many calls in flight")))
            return
        }
        let call = ServerCall(
            loop: owner.loop,
            path: method.path,
            metadata: stream.head.metadata,
            peer: peer,
            caller: stream.caller,
            deadline: stream.deadline,
        )
        stream.phase = .running
        stream.message = nil
        stream.call = call
        let id = stream.id
        stream.task = owner.loop.start {
            let outcome: Result<[UInt8], Status>
            do throws(Status) {
                outcome = .success(try await handler(message, call))
            } catch {
                let isOK = error.code == .ok
                outcome = .failure(isOK ? Status(.internal, "the handler threw OK") : error)
            }
            self.handlerReturned(id, outcome)
        }
    }

    private func handlerReturned(_ id: Int32, _ outcome: Result<[UInt8], Status>) {
        owner.loop.eventLoop.preconditionInEventLoop()
        owner.handlerReturned()
        guard let stream = streams[id], stream.phase == .running else { return }
        answer(stream, outcome)
    }

    private func deadlinePassed(_ id: Int32) {
        guard let stream = streams[id], stream.phase != .answered else { return }
        stream.deadlineTimer = nil
        stream.call?.cancel()
        stream.task?.cancel()
        answer(stream, .failure(Status(.deadlineExceeded, "the deadline has passed")))
    }

    // MARK: Answered

    /// Sends the answer, the only one that the stream will have.
    func answer(_ stream: ServerStream, _ outcome: Result<[UInt8], Status>) {
        guard let session else { return }
        switch outcome {
        case .success(let message):
            close(stream, .ok)
            stream.reply = ReplyBody(message)
            var head: HeaderBlock?
            if let metadata = stream.call?.replyMetadata, !metadata.isEmpty {
                head = replyHead(httpStatus: 200)
                head?.add(metadata)
            }
            if let trailers = stream.call?.trailers, !trailers.isEmpty {
                var block = HeaderBlock()
                block.add("grpc-status", "0")
                block.add(trailers)
                stream.trailers = block
            }
            session.submitReply(stream: stream.id, head, hasBody: true)
        case .failure(let status):
            close(stream, status.code)
            var block = replyHead(httpStatus: 200)
            if let call = stream.call {
                block.add(call.replyMetadata)
                addStatus(status, to: &block)
                block.add(call.trailers)
            } else {
                addStatus(status, to: &block)
            }
            session.submitReply(stream: stream.id, block, hasBody: false)
        }
        wire.scheduleFlush()
    }

    private func refuse(_ stream: ServerStream, _ refusal: Refusal) {
        switch refusal {
        case .status(let status):
            answer(stream, .failure(status))
        case .encoding(let status):
            refuse(stream, status, httpStatus: 200, ("grpc-accept-encoding", "identity"))
        case .http(let code, let reason):
            let status = Status(code == 415 ? .invalidArgument : .internal, reason)
            refuse(stream, status, httpStatus: code, code == 405 ? ("allow", "POST") : nil)
        }
    }

    private func refuse(
        _ stream: ServerStream,
        _ status: Status,
        httpStatus: Int,
        _ extra: (name: String, value: String)?,
    ) {
        close(stream, status.code)
        var block = replyHead(httpStatus: httpStatus)
        if let extra { block.add(extra.name, extra.value) }
        addStatus(status, to: &block)
        session?.submitReply(stream: stream.id, block, hasBody: false)
        wire.scheduleFlush()
    }

    private func replyHead(httpStatus: Int) -> HeaderBlock {
        var block = HeaderBlock()
        block.add(":status", "\(httpStatus)")
        block.add("content-type", "application/grpc")
        return block
    }

    private func addStatus(_ status: Status, to block: inout HeaderBlock) {
        block.add("grpc-status", "\(status.code.rawValue)")
        if !status.message.isEmpty {
            let message = status.message.utf8.prefix(Self.statusMessageBytesMax)
            block.add(
                "grpc-message",
                PercentEncoding.encode(String(decoding: message, as: UTF8.self))
            )
        }
        if let details = status.encodedDetails(), details.count <= Self.statusDetailsBytesMax {
            block.add("grpc-status-details-bin", Base64.encode(details))
        }
    }

    // MARK: Over

    /// The stream is gone: if nobody answered it, its handler need not go on.
    func abandon(_ stream: ServerStream) {
        guard stream.phase != .answered else { return }
        // A stream that never had a whole header block was no call yet.
        if stream.phase == .head {
            stream.phase = .answered
            return
        }
        stream.call?.cancel()
        stream.task?.cancel()
        close(stream, .cancelled)
    }

    private func close(_ stream: ServerStream, _ code: StatusCode) {
        stream.phase = .answered
        stream.task = nil
        stream.message = nil
        if let timer = stream.deadlineTimer { timers.cancel(timer) }
        stream.deadlineTimer = nil
        guard let ended = owner.events.callEnded else { return }
        let nanoseconds = (NIODeadline.now() - stream.startedAt).nanoseconds
        ended(stream.method?.path ?? Self.unknownMethod, code, nanoseconds / 1_000)
    }
}
