// What takes too long on a connection, and what becomes of it.

internal import CNghttp2
internal import Logging
internal import NIOCore

extension ServerConnection {
    /// Looks at the connection and at each of its calls; a few times a second.
    func look(_ now: NIODeadline) {
        self.now = now
        guard session != nil else { return }
        let limits = owner.configuration
        switch watch.look(at: now, hasCalls: !streams.isEmpty, limits) {
        case nil: break
        case .neverSettled: giveUp(.prefaceTime)
        case .stalled: giveUp(.readerStall)
        case .silent: giveUp(.keepalive)
        case .ask:
            session?.ping()
            wire.scheduleFlush()
        case .idle:
            owner.events.limitHit?(.idleTime)
            drain()
        case .old:
            owner.events.limitHit?(.connectionAge)
            drain()
        case .overstayed:
            cutOff("the connection has reached its age")
        }
        for stream in Array(streams.values) { look(at: stream, limits) }
    }

    private func look(at stream: ServerStream, _ limits: RPCServerConfiguration) {
        if stream.phase == .head {
            guard now - stream.startedAt > .milliseconds(limits.headersMillisecondsMax) else {
                return
            }
            // What follows on the connection is still this block: nobody else can be served on it.
            owner.events.limitHit?(.headersTime)
            session?.terminate(code: NGHTTP2_ENHANCE_YOUR_CALM)
            wire.scheduleFlush()
            return
        }
        if let start = stream.messageStartedAt, stream.takesData, stream.inbox.isEmpty,
            now - start > .milliseconds(limits.messageMillisecondsMax)
        {
            owner.events.limitHit?(.messageTime)
            breakOff(stream, Status(.deadlineExceeded, "a message took too long to arrive"))
        }
        if !stream.replies.isEmpty,
            now - stream.progressAt > .milliseconds(limits.stallMillisecondsMax)
        {
            owner.events.limitHit?(.readerStall)
            stop(stream, Status(.cancelled, "the caller does not read"))
            drop(stream)
            session?.reset(stream: stream.id, code: NGHTTP2_CANCEL)
            wire.scheduleFlush()
        }
    }

    private func giveUp(_ limit: RPCLimit) {
        owner.events.limitHit?(limit)
        owner.logger.info(
            "connection given up",
            metadata: ["peer": "\(peer)", "limit": "\(limit.rawValue)"],
        )
        wire.close()
    }
}
