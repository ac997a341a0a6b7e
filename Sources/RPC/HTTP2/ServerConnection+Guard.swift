// What a server connection does with the verdicts on frames, and with what comes after an answer.

internal import CNghttp2
internal import Logging
internal import Loop
internal import NIOCore

extension ServerConnection {
    private var nanoseconds: Int64 { Int64(truncatingIfNeeded: now.uptimeNanoseconds) }

    // MARK: Frames

    /// Takes what was read, up to the frame that ends the connection, if there is one.
    func receive(_ buffer: ByteBuffer) {
        let nanoseconds = nanoseconds
        var end: ConnectionEnd?
        let harmless = unsafe buffer.withUnsafeReadableBytes { bytes in
            unsafe scanner.scan(bytes) { header, _ in
                let verdict = frames.received(
                    header,
                    now: nanoseconds,
                    givenUp: givesUp(header.stream),
                )
                guard case .end(let reason) = verdict else { return true }
                end = reason
                return false
            }
        }
        guard let end else {
            wire.receive(buffer)
            if !unseenResets.isEmpty { judgeUnseen() }
            return
        }
        var rest = buffer
        if let part = rest.readSlice(length: harmless) { wire.receive(part) }
        wire.end(end)
    }

    /// What is known of a call that is given up.
    private func givesUp(_ id: Int32) -> GivenUp {
        if let stream = streams[id], stream.phase != .head { return givesUp(stream) }
        unseenResets.insert(id)
        return .unseen
    }

    /// Whether the time of a call is over, or nearly: its caller's clock began a little earlier.
    ///
    /// On a busy machine a call that has little time left is given up in the very write that it was
    /// sent with. A deadline that is very near is no way around the budget of resets: the server
    /// ends such a call by itself, with or without a reset.
    private func givesUp(_ stream: ServerStream) -> GivenUp {
        guard let deadline = stream.deadline else { return .early }
        let time = (deadline - stream.startedAt).nanoseconds
        if time <= owner.configuration.session.shortCallMilliseconds * 1_000_000 { return .overdue }
        let age = (now - stream.startedAt).nanoseconds
        return age > 0 && age / 4 >= time / 5 ? .overdue : .early
    }

    /// The call of a stream was reset in the read that began it, and is known now.
    func judgeReset(unseen stream: ServerStream) {
        if unseenResets.remove(stream.id) == nil { return }
        if case .end(let end) = frames.judged(givesUp(stream), now: nanoseconds) { wire.end(end) }
    }

    /// Resets of what never became a call.
    ///
    /// One whose frame is not complete waits for the rest of it.
    private func judgeUnseen() {
        for id in unseenResets where streams[id] == nil {
            unseenResets.remove(id)
            if case .end(let end) = frames.judged(.early, now: nanoseconds) { wire.end(end) }
        }
    }

    /// A reset of ours: whoever provokes too many of them has to go.
    func judgeReset(_ stream: Int32, _ errorCode: UInt32) {
        let verdict = frames.sentReset(stream: stream, code: errorCode, now: nanoseconds)
        if case .end(let end) = verdict { wire.end(end) }
    }

    /// Counts one stream too many.
    ///
    /// A peer that knows the limit has broken the rules with it, and the session ends; any other is
    /// told to try again.
    func countRefusal(_ header: FrameHeader, _ error: SessionError) {
        guard header.type == FrameType.headers else { return }
        let isFull = streams.count >= owner.configuration.session.streamsMax
        if error.isRefusedStream || isFull { owner.events.limitHit?(.streams) }
    }

    /// Counts and logs why a connection was ended, once it is closed.
    func report(_ end: ConnectionEnd) {
        if let limit = end.limit { owner.events.limitHit?(limit) }
        owner.logger.info("connection ended", metadata: ["peer": "\(peer)", "why": "\(end)"])
    }

    // MARK: Fewer streams

    var hasStreams: Bool { !streams.isEmpty }

    /// Lets the peer have so many streams at once, besides those that last; only what differs by an
    /// eighth is worth a frame.
    ///
    /// A peer that has not heard of it yet may have as many as before, and those that are open stay.
    func allow(streams count: Int) {
        let max = owner.configuration.session.streamsMax
        guard abs(count - streamsAllowed) > streamsAllowed / 8 || count == max,
            count != streamsAllowed
        else { return }
        streamsAllowed = count
        let lasting = count == max ? 0 : streams.values.count { $0.method?.isStream == true }
        session?.allow(streams: min(max, count + lasting))
        wire.scheduleFlush()
    }

    // MARK: After the answer

    /// The answer is out before the request is in.
    ///
    /// The rest is of no use, but that of a foreign request is still looked at for a while: most
    /// clients end it at once, and one whose request breaks the rules of HTTP/2 shall hear so.
    func awaitEnd(_ stream: ServerStream) {
        let id = stream.id
        let milliseconds = owner.configuration.session.lateBodyMilliseconds
        stream.lateTimer = timers.schedule(at: .now() + .milliseconds(milliseconds)) {
            guard let stream = self.streams[id] else { return }
            stream.lateTimer = nil
            self.stopListening(id)
        }
    }

    /// Bytes of a request that has its answer: dropped, and a few of them only.
    func receivedLate(stream id: Int32, count: Int) {
        session?.consume(stream: id, count: count)
        guard let stream = streams[id], stream.lateTimer != nil else { return }
        let countMax = owner.configuration.session.lateBodyBytesMax
        let wasOver = stream.lateBytes > countMax
        stream.lateBytes += count
        if !wasOver, stream.lateBytes > countMax { stopListening(id) }
    }

    func stopListening(_ id: Int32) {
        session?.reset(stream: id, code: NGHTTP2_NO_ERROR)
        wire.scheduleFlush()
    }
}
