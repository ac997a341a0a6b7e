// The life of a call on a server connection: begun, fed, run; or abandoned on the way.

internal import Base
internal import Loop
internal import NIOCore

extension ServerConnection {
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
        if let method = stream.method, case .stream(_, let handler) = method.kind {
            run(stream, method, handler)
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
        try identify(stream, method)
        stream.deframer = MessageDeframer(
            messageBytesMax: method.messageBytesMax ?? configuration.messageBytesMax
        )
        stream.deframer.encoding = stream.head.encoding
        guard let timeout = timeout(of: stream, method) else { return }
        if timeout <= 0 {
            throw .status(Status(.deadlineExceeded, "the deadline had passed on arrival"))
        }
        stream.deadline = stream.startedAt + .nanoseconds(timeout)
    }

    private func identify(
        _ stream: ServerStream,
        _ method: ServiceRegistry.Method,
    ) throws(Refusal) {
        guard let callGuard = owner.callGuard else { return }
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

    /// How long the call may take, in nanoseconds; nil for a stream whose caller sets no bound.
    private func timeout(
        of stream: ServerStream,
        _ method: ServiceRegistry.Method,
    ) -> Int64? {
        let configuration = owner.configuration
        guard case .unary = method.kind else { return stream.head.timeoutNanoseconds }
        let longest = configuration.deadlineMillisecondsMax * 1_000_000
        let standard = configuration.deadlineDefaultMilliseconds * 1_000_000
        return min(stream.head.timeoutNanoseconds ?? standard, longest)
    }

    // MARK: Fed

    /// The next bytes of the requests.
    func take(_ bytes: LentBytes, _ stream: ServerStream) {
        do throws(MessageDeframer.Violation) {
            try unsafe stream.deframer.feed(bytes) { stream.inbox.append($0) }
        } catch {
            owner.events.limitHit(by: error)
            fail(stream, .framing(error))
            return
        }
        if stream.inbox.total > 1, stream.method?.takesOneRequest == true {
            fail(stream, Status(.internal, "more than one request for a method that takes one"))
            return
        }
        if stream.deframer.isAtBoundary {
            stream.messageStartedAt = nil
        } else if stream.messageStartedAt == nil || !stream.inbox.isEmpty {
            stream.messageStartedAt = now
        }
        stream.wakeReader()
        countUnread(stream)
    }

    /// Keeps the sum of what was received on this connection and not taken; over the limit, the
    /// stream that went over it is ended.
    func countUnread(_ stream: ServerStream) {
        let count = stream.inbox.byteCount + stream.deframer.partCount
        unreadCount += count - stream.unreadCount
        stream.unreadCount = count
        if unreadCount > owner.configuration.unreadBytesMax, stream.takesData {
            owner.events.limitHit?(.unreadBody)
            fail(stream, Status(.resourceExhausted, "too much is unread on this connection"))
        }
    }

    /// The peer has ended its side.
    func end(_ stream: ServerStream) {
        stream.hasEnded = true
        guard stream.phase == .body || stream.phase == .running, let method = stream.method else {
            return
        }
        guard stream.deframer.isAtBoundary else {
            fail(stream, Status(.internal, "the request was cut short"))
            return
        }
        if stream.inbox.total == 0, method.takesOneRequest {
            fail(stream, Status(.internal, "no request for a method that takes one"))
            return
        }
        if case .unary(let handler) = method.kind {
            run(stream, method, handler)
        } else {
            stream.wakeReader()
        }
    }

    // MARK: Run

    private func run(
        _ stream: ServerStream,
        _ method: ServiceRegistry.Method,
        _ handler: @escaping UnaryHandler,
    ) {
        guard let message = stream.inbox.popFirst(), hasRoom(stream) else { return }
        countUnread(stream)
        if let refusal = owner.callStarts(method.priority, by: stream.deadline, at: now) {
            refuse(stream, refusal)
            return
        }
        let startedAt = stream.startedAt
        let call = startCall(stream, method)
        call.requestWasCompressed = message.wasCompressed
        let id = stream.id
        // Not by `start`: a closure that goes through another function is wrapped once more.
        stream.task = Task(executorPreference: owner.loop) {
            if call.isCancelled {
                // Given up before it began: that says nothing about how long calls take.
                self.owner.callAbandoned(method.priority)
                return
            }
            let outcome: Result<[UInt8], Status>
            do throws(Status) {
                outcome = .success(try await handler(message.bytes, call))
            } catch {
                outcome = .failure(error)
            }
            // One question to the clock for all that an answer needs of it.
            self.now = .now()
            self.owner.callEnded(
                method.priority,
                startedAt: startedAt,
                at: self.now,
                cutShort: call.isCancelled,
            )
            self.handlerReturned(id, outcome)
        }
    }

    private func run(
        _ stream: ServerStream,
        _ method: ServiceRegistry.Method,
        _ handler: @escaping StreamHandler,
    ) {
        guard hasRoom(stream) else { return }
        if let refusal = owner.streamStarts() {
            refuse(stream, refusal)
            return
        }
        let call = startCall(stream, method)
        let requests = MessageReader(connection: self, stream: stream)
        let replies = MessageWriter(connection: self, stream: stream)
        let id = stream.id
        stream.task = owner.loop.start {
            var failure: Status?
            do throws(Status) {
                try await handler(requests, replies, call)
            } catch {
                failure = error
            }
            self.now = .now()
            self.owner.streamEnded()
            self.handlerReturned(id, failure)
        }
    }

    /// Refuses the call when too many replies wait on its connection.
    private func hasRoom(_ stream: ServerStream) -> Bool {
        if unsentCount <= owner.configuration.unsentBytesMax { return true }
        owner.events.limitHit?(.unsentReplies)
        refuse(stream, owner.overloaded(stream.method?.priority ?? .normal))
        return false
    }

    private func startCall(
        _ stream: ServerStream,
        _ method: ServiceRegistry.Method,
    ) -> ServerCall {
        let call = ServerCall(
            owner: owner,
            path: method.path,
            metadata: stream.head.metadata,
            peer: peer,
            caller: stream.caller,
            deadline: stream.deadline,
            acceptsGzip: stream.head.acceptsGzip,
        )
        stream.phase = .running
        stream.call = call
        return call
    }

    private func handlerReturned(_ id: Int32, _ outcome: Result<[UInt8], Status>) {
        owner.loop.eventLoop.preconditionInEventLoop()
        guard let stream = streams[id], stream.phase == .running else { return }
        switch outcome {
        case .success(let message): answer(stream, message)
        case .failure(let status): fail(stream, Self.checked(status))
        }
    }

    private func handlerReturned(_ id: Int32, _ failure: Status?) {
        owner.loop.eventLoop.preconditionInEventLoop()
        guard let stream = streams[id], stream.phase == .running else { return }
        if let failure {
            fail(stream, Self.checked(failure))
        } else if stream.replyCount == 0, stream.method?.givesOneReply == true {
            fail(stream, Status(.internal, "the handler gave no reply"))
        } else {
            finish(stream)
        }
    }

    private static func checked(_ status: Status) -> Status {
        status.code == .ok ? Status(.internal, "the handler threw OK") : status
    }

    // MARK: Over

    private func deadlinePassed(_ id: Int32) {
        guard let stream = streams[id], stream.phase != .answered else { return }
        stream.deadlineTimer = nil
        now = .now()
        breakOff(stream, Status(.deadlineExceeded, "the deadline has passed"))
    }

    /// Ends a call whatever its handler does: it is told, and what it sent and is not out is dropped.
    func breakOff(_ stream: ServerStream, _ status: Status) {
        stop(stream, status)
        drop(stream)
        fail(stream, status)
    }

    /// The stream is gone: if nobody answered it, its handler need not go on.
    func abandon(_ stream: ServerStream) {
        unreadCount -= stream.unreadCount
        stream.unreadCount = 0
        drop(stream)
        switch stream.phase {
        case .answered: break
        // A stream that never had a whole header block was no call yet.
        case .head: stream.phase = .answered
        case .body, .running:
            stop(stream, Status(.cancelled, "the caller has gone"))
            close(stream, .cancelled)
        }
    }

    /// Tells the handler that nobody waits for it any more.
    func stop(_ stream: ServerStream, _ status: Status) {
        stream.over = status
        stream.call?.cancel()
        stream.task?.cancel()
        stream.wakeReader()
        stream.wakeWriters()
    }

    /// Notes how the call ended, once.
    func close(_ stream: ServerStream, _ code: StatusCode) {
        stream.phase = .answered
        stream.task = nil
        stream.inbox.removeAll()
        unreadCount -= stream.unreadCount
        stream.unreadCount = 0
        if let timer = stream.deadlineTimer { timers.cancel(timer) }
        stream.deadlineTimer = nil
        guard let ended = owner.events.callEnded else { return }
        let nanoseconds = (now - stream.startedAt).nanoseconds
        ended(stream.method?.path ?? Self.unknownMethod, code, nanoseconds / 1_000)
    }
}
