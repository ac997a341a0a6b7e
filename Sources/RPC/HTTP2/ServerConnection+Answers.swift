// What goes back to the caller: heads, messages and the status, in the order of gRPC.

internal import Base
internal import CNghttp2
internal import Loop
internal import NIOCore

extension ServerConnection {
    /// A handler that sends waits while more than this waits for the caller, in bytes.
    private static let waitingBytesMax = 65_536
    static let unknownMethod = "unknown"

    // MARK: Messages of streams

    /// Waits for the next message; its handler takes them one at a time.
    func nextMessage(of stream: ServerStream) async -> Result<InboundMessage?, Status> {
        owner.loop.eventLoop.preconditionInEventLoop()
        if let over = stream.over { return .failure(over) }
        if let message = stream.nextRequest() {
            taken(stream)
            return .success(message)
        }
        if stream.phase == .answered {
            return .failure(Status(.cancelled, "the call has its status already"))
        }
        if stream.hasEnded { return .success(nil) }
        invariant(stream.reader == nil, "two waits for the next message of one call")
        return await withCheckedContinuation { stream.reader = $0 }
    }

    /// A handler has taken a message: the peer may send more.
    private func taken(_ stream: ServerStream) {
        countUnread(stream)
        let count = stream.inbox.released()
        guard count > 0, let session else { return }
        session.consume(stream: stream.id, count: count)
        wire.scheduleFlush()
    }

    /// Queues a reply, and waits while too much waits already; nil when the handler may go on.
    func send(_ bytes: [UInt8], compress: Bool, on stream: ServerStream) async -> Status? {
        owner.loop.eventLoop.preconditionInEventLoop()
        if let over = stream.over { return over }
        guard stream.phase == .running, let session else {
            return Status(.cancelled, "the call has its status already")
        }
        if stream.replyCount == 1, stream.method?.givesOneReply == true {
            return Status(.internal, "a second reply for a method that gives one")
        }
        if !stream.isHeadSent {
            stream.isHeadSent = true
            session.submitReply(stream: stream.id, streamHead(stream), hasBody: true)
        }
        stream.replyCount += 1
        now = .now()
        queue(bytes, compress: compress && stream.head.acceptsGzip, on: stream)
        if stream.isDeferred {
            stream.isDeferred = false
            session.resume(stream: stream.id)
        }
        wire.scheduleFlush()
        if stream.replies.byteCount <= Self.waitingBytesMax { return nil }
        return await withCheckedContinuation {
            stream.wait($0, untilBelow: Self.waitingBytesMax / 2)
        }
    }

    /// Waits until the session has taken all that was sent on a stream; nil when it has.
    func drained(_ stream: ServerStream) async -> Status? {
        owner.loop.eventLoop.preconditionInEventLoop()
        if let over = stream.over { return over }
        if stream.replies.isEmpty { return nil }
        return await withCheckedContinuation { stream.wait($0, untilBelow: 0) }
    }

    private func queue(_ bytes: [UInt8], compress: Bool, on stream: ServerStream) {
        if stream.replies.isEmpty { stream.progressAt = now }
        let packed = compress ? Gzip.compress(bytes) : bytes
        stream.replies.append(packed, isCompressed: compress)
        unsentCount += packed.count + MessageDeframer.prefixLength
    }

    /// Drops what waits to go out.
    func drop(_ stream: ServerStream) {
        unsentCount -= stream.replies.byteCount
        stream.replies.removeAll()
    }

    /// The session asks for what goes out next.
    func fill(
        _ buffer: UnsafeMutableBufferPointer<UInt8>,
        from stream: ServerStream,
        _ session: Session,
    ) -> BodyPart {
        let count = unsafe stream.replies.fill(buffer)
        unsentCount -= count
        if count > 0 { stream.progressAt = now }
        stream.wakeWriters()
        if stream.replies.isEmpty, stream.replies.isComplete {
            session.submitTrailers(stream: stream.id, stream.trailers)
            return .bytes(count, isLast: true)
        }
        if count > 0 { return .bytes(count, isLast: false) }
        stream.isDeferred = true
        return .later
    }

    // MARK: Good ends

    /// Sends the only reply of a unary call.
    func answer(_ stream: ServerStream, _ message: [UInt8]) {
        guard let session, let call = stream.call else { return }
        close(stream, .ok)
        let compress = call.compressesReply && call.acceptsGzip
        queue(message, compress: compress, on: stream)
        stream.replies.isComplete = true
        var head: HeaderBlock?
        if compress || !call.replyMetadata.isEmpty {
            head = HeaderBlock(httpStatus: 200)
            if compress { head?.add("grpc-encoding", "gzip") }
            head?.add(call.replyMetadata)
        }
        stream.trailers = trailers(of: stream, nil)
        stream.isHeadSent = true
        session.submitReply(stream: stream.id, head, hasBody: true)
        wire.scheduleFlush()
    }

    /// Ends a stream that went well, after what was sent.
    func finish(_ stream: ServerStream) {
        guard let session else { return }
        close(stream, .ok)
        stream.trailers = trailers(of: stream, nil)
        stream.replies.isComplete = true
        if stream.isHeadSent {
            session.resume(stream: stream.id)
        } else {
            stream.isHeadSent = true
            session.submitReply(stream: stream.id, streamHead(stream), hasBody: true)
        }
        wire.scheduleFlush()
    }

    // MARK: Bad ends

    /// Ends a call with a status, after what was sent.
    func fail(_ stream: ServerStream, _ status: Status) {
        guard let session, stream.phase != .answered else { return }
        if stream.phase == .running, stream.over == nil { stop(stream, status) }
        close(stream, status.code)
        if stream.isHeadSent {
            stream.trailers = trailers(of: stream, status)
            stream.replies.isComplete = true
            session.resume(stream: stream.id)
        } else {
            session.submitReply(stream: stream.id, answer(stream, status), hasBody: false)
        }
        wire.scheduleFlush()
    }

    /// The only header block of a call that has nothing but a status.
    private func answer(_ stream: ServerStream, _ status: Status) -> HeaderBlock {
        guard let call = stream.call, !(call.replyMetadata.isEmpty && call.trailers.isEmpty) else {
            return status.prepared?.block ?? HeaderBlock(answering: status)
        }
        var block = HeaderBlock(httpStatus: 200)
        block.add(call.replyMetadata)
        block.add(status)
        block.add(call.trailers)
        return block
    }

    /// Refuses a call because of overload.
    func refuse(_ stream: ServerStream, _ refusal: ReadyRefusal) {
        close(stream, refusal.status.code)
        session?.submitReply(stream: stream.id, refusal.block, hasBody: false)
        wire.scheduleFlush()
    }

    /// Answers what is no call that could be begun.
    func refuse(_ stream: ServerStream, _ refusal: Refusal) {
        switch refusal {
        case .status(let status):
            fail(stream, status)
        case .encoding(let status):
            let accepted = ("grpc-accept-encoding", MessageEncoding.accepted)
            refuse(stream, status, httpStatus: 200, accepted)
        case .http(let code, let reason):
            stream.isForeign = true
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
        var block = HeaderBlock(httpStatus: httpStatus)
        if let extra { block.add(extra.name, extra.value) }
        block.add(status)
        session?.submitReply(stream: stream.id, block, hasBody: false)
        wire.scheduleFlush()
    }

    // MARK: Header blocks

    /// The head of a stream, which may pack any of its messages; nil for the usual one.
    private func streamHead(_ stream: ServerStream) -> HeaderBlock? {
        guard let call = stream.call, call.acceptsGzip || !call.replyMetadata.isEmpty else {
            return nil
        }
        var block = HeaderBlock(httpStatus: 200)
        if call.acceptsGzip { block.add("grpc-encoding", "gzip") }
        block.add(call.replyMetadata)
        return block
    }

    /// The trailers of a call that has a head; nil for the usual ones of a good end.
    private func trailers(of stream: ServerStream, _ status: Status?) -> HeaderBlock? {
        let metadata = stream.call?.trailers ?? Metadata()
        if status == nil, metadata.isEmpty { return nil }
        var block = HeaderBlock()
        if let status {
            block.add(status)
        } else {
            block.add("grpc-status", "0")
        }
        block.add(metadata)
        return block
    }
}
