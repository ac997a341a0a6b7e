// The one owner of an `nghttp2_session`: bytes in, events out; submissions in, bytes out.
//
// No socket, clock or task in here. The library calls back only while `receive` or `nextOutput`
// runs, on the thread that called it; neither is ever called from within a callback.

internal import Base
internal import CNghttp2

/// What a body has for its stream at the moment.
enum BodyPart {
    /// So many bytes were written; with `isLast` there will be no more.
    case bytes(Int, isLast: Bool)
    /// Nothing now; `Session.resume` tells when there is.
    case later
    /// There is no such body any more: the stream is reset.
    case gone
}

/// What the owner of a session is told, while `receive` or `nextOutput` runs.
///
/// Submitting from within is allowed; receiving, sending and freeing the session is not.
protocol SessionEvents: AnyObject {
    /// A header block begins: of a new stream on a server, of any kind on a client.
    func headersBegan(stream: Int32)
    /// One field of a block; false makes the session drop the rest of the block, for a stream that
    /// the owner has reset.
    func headerReceived(stream: Int32, name: LentBytes, value: LentBytes) -> Bool
    /// The block is complete; the peer may have ended its side with it.
    func headersReceived(stream: Int32, endsStream: Bool)
    /// The next bytes of the peer's side.
    func dataReceived(stream: Int32, _ bytes: LentBytes)
    /// The peer has ended its side with DATA.
    func dataEnded(stream: Int32)
    /// The session wants bytes for a stream with a body.
    func bodyWanted(
        stream: Int32,
        into buffer: UnsafeMutableBufferPointer<UInt8>,
    ) -> BodyPart
    /// A header block that ends our side is on its way.
    func headersSentLast(stream: Int32)
    /// The stream is no more; `errorCode` is 0 when it ended in order.
    func streamClosed(stream: Int32, errorCode: UInt32)
    /// The peer's SETTINGS are in force.
    func settingsReceived()
    /// The peer answered our PING.
    func pingAcknowledged()
    /// The peer takes no stream above `lastStream` any more.
    func goAwayReceived(lastStream: Int32, errorCode: UInt32)
    /// A frame was refused: its stream has been reset, or the session ends.
    func invalidFrameReceived(_ header: FrameHeader, _ error: SessionError)
    /// A frame other than the next two is on its way.
    func frameSent(_ header: FrameHeader)
    /// RST_STREAM is on its way.
    func resetSent(stream: Int32, errorCode: UInt32)
    /// GOAWAY is on its way.
    func goAwaySent(lastStream: Int32)
}

/// Only a server keeps an account of what it sends.
extension SessionEvents {
    func invalidFrameReceived(_ header: FrameHeader, _ error: SessionError) {}
    func frameSent(_ header: FrameHeader) {}
    func resetSent(stream: Int32, errorCode: UInt32) {}
    func goAwaySent(lastStream: Int32) {}
}

/// One HTTP/2 session; confined to the loop of its connection.
@safe
final class Session {
    /// Which side of the connection this is.
    enum Role {
        case server
        case client
    }

    let role: Role
    private let handle: OpaquePointer
    /// The owner, which holds this session and therefore outlives every callback; counting its
    /// references would cost each of a call's ten events two atomic operations.
    private unowned(unsafe) let events: any SessionEvents
    /// What `end` says, once it was called.
    private var endCode: UInt32?
    /// The peer has been told the end: nothing comes after it.
    private var hasSentEnd = false

    init(role: Role, limits: SessionLimits, events: any SessionEvents) {
        self.role = role
        unsafe self.events = events
        unsafe handle = makeSessionHandle(role: role, limits: limits)
        unsafe nghttp2_session_set_user_data(handle, Unmanaged.passUnretained(self).toOpaque())
        submitSettings(limits)
    }

    deinit {
        unsafe nghttp2_session_del(handle)
    }

    // MARK: Bytes

    /// Takes bytes from the peer and calls back for what they complete.
    ///
    /// - Throws: when the peer broke the rules in a way that allows no further talk.
    func receive(_ bytes: UnsafeRawBufferPointer) throws(SessionError) {
        let taken = unsafe nghttp2_session_mem_recv(
            handle,
            bytes.bindMemory(to: UInt8.self).baseAddress,
            bytes.count,
        )
        if taken < 0 { throw SessionError(code: Int32(taken)) }
    }

    /// The next bytes for the peer, valid until the next call; nil when there are none.
    func nextOutput() throws(SessionError) -> LentBytes? {
        if hasSentEnd { return nil }
        var start: UnsafePointer<UInt8>?
        let count = unsafe nghttp2_session_mem_send(handle, &start)
        if count < 0 { throw SessionError(code: Int32(count)) }
        return count == 0 ? nil : unsafe LentBytes(start: start, count: count)
    }

    /// Whether the session has anything left to read or write; if not, close the connection.
    var isAlive: Bool {
        unsafe nghttp2_session_want_read(handle) != 0
            || nghttp2_session_want_write(handle) != 0
    }

    // MARK: Submissions

    /// Starts the reply to a stream: its head, and a body if `hasBody`, asked for by `bodyWanted`.
    func submitReply(stream: Int32, _ block: HeaderBlock?, hasBody: Bool) {
        var provider = unsafe bodyProvider
        let code = unsafe withUnsafePointer(to: &provider) { provider in
            let body = unsafe hasBody ? provider : nil
            guard let block else {
                let fixed = unsafe FixedHeaders.reply
                return unsafe nghttp2_submit_response(handle, stream, fixed, fixed.count, body)
            }
            return unsafe block.withFields { fields, count in
                unsafe nghttp2_submit_response(handle, stream, fields, count, body)
            }
        }
        check(code, "submit a reply")
    }

    /// Ends a reply; called while `bodyWanted` hands out the last bytes.
    func submitTrailers(stream: Int32, _ block: HeaderBlock?) {
        guard let block else {
            let fixed = unsafe FixedHeaders.trailersOK
            check(
                unsafe nghttp2_submit_trailer(handle, stream, fixed, fixed.count),
                "submit trailers",
            )
            return
        }
        let code = unsafe block.withFields { fields, count in
            unsafe nghttp2_submit_trailer(handle, stream, fields, count)
        }
        check(code, "submit trailers")
    }

    /// Opens a stream with a body, asked for by `bodyWanted`; nil when no identifier is left.
    func submitRequest(_ block: HeaderBlock) -> Int32? {
        var provider = unsafe bodyProvider
        let stream = unsafe block.withFields { fields, count in
            unsafe nghttp2_submit_request(handle, nil, fields, count, &provider, nil)
        }
        return stream < 0 ? nil : stream
    }

    /// Resets a stream; one that is gone is left alone.
    func reset(stream: Int32, code: nghttp2_error_code) {
        check(
            unsafe nghttp2_submit_rst_stream(
                handle,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                stream,
                code.rawValue,
            ),
            "reset a stream",
        )
    }

    /// Gives the peer back room on the connection, for bytes that have come on any stream.
    func consumeConnection(count: Int) {
        check(unsafe nghttp2_session_consume_connection(handle, count), "consume")
    }

    /// Gives the peer back room on a stream.
    func consume(stream: Int32, count: Int) {
        check(unsafe nghttp2_session_consume_stream(handle, stream, count), "consume")
    }

    /// Asks `bodyWanted` again, for a stream that had nothing when it was asked last.
    func resume(stream: Int32) {
        let code = unsafe nghttp2_session_resume_data(handle, stream)
        // A stream that is gone, or was not waiting, needs nothing.
        if code != NGHTTP2_ERR_INVALID_ARGUMENT.rawValue { check(code, "resume a stream") }
    }

    /// Tells the peer that the connection will end soon: the first of two GOAWAY frames.
    func announceShutdown() {
        check(unsafe nghttp2_submit_shutdown_notice(handle), "announce the shutdown")
    }

    /// Refuses every stream above those that have begun: the second GOAWAY frame.
    func refuseNewStreams() {
        check(
            unsafe nghttp2_submit_goaway(
                handle,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                nghttp2_session_get_last_proc_stream_id(handle),
                NGHTTP2_NO_ERROR.rawValue,
                nil,
                0,
            ),
            "submit GOAWAY",
        )
    }

    /// Ends the session, whatever state it is in: GOAWAY with a word for whoever debugs the peer.
    ///
    /// Does nothing if it is ending already.
    func end(_ end: ConnectionEnd) {
        endCode = end.code.rawValue
        let last = unsafe nghttp2_session_get_last_proc_stream_id(handle)
        let code = unsafe nghttp2_submit_goaway(
            handle,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            last,
            end.code.rawValue,
            end.debug.utf8Start,
            end.debug.utf8CodeUnitCount,
        )
        check(code, "submit GOAWAY")
    }

    /// Ends the session: GOAWAY with `code`, after which nothing is alive.
    func terminate(code: nghttp2_error_code) {
        check(unsafe nghttp2_session_terminate_session(handle, code.rawValue), "terminate")
    }

    /// Asks the peer for a sign of life, told by `pingAcknowledged`.
    func ping() {
        check(
            unsafe nghttp2_submit_ping(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil),
            "submit PING",
        )
    }

    /// How many streams the peer lets us have open.
    var peerStreamsMax: Int {
        Int(
            unsafe nghttp2_session_get_remote_settings(
                handle,
                NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
            )
        )
    }

    private func submitSettings(_ limits: SessionLimits) {
        var entries = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
                value: UInt32(limits.streamWindowBytes),
            ),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
                value: UInt32(limits.headerListBytesMax),
            ),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE.rawValue),
                value: UInt32(limits.headerTableBytesMax),
            ),
        ]
        switch role {
        case .server:
            entries.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                    value: UInt32(limits.streamsMax),
                )
            )
        case .client:
            entries.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue),
                    value: 0,
                )
            )
        }
        let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        check(
            unsafe nghttp2_submit_settings(handle, none, entries, entries.count),
            "submit SETTINGS",
        )
        check(
            unsafe nghttp2_session_set_local_window_size(
                handle,
                none,
                0,
                Int32(limits.connectionWindowBytes),
            ),
            "raise the window",
        )
    }

    /// Tells the peer how many streams it may have at once from when it knows.
    func allow(streams: Int) {
        let entries = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                value: UInt32(streams),
            )
        ]
        let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        check(unsafe nghttp2_submit_settings(handle, none, entries, 1), "submit SETTINGS")
    }

    /// A submission fails only for lack of memory, or because we broke the library's rules.
    private func check(_ code: Int32, _ what: String) {
        invariant(code >= 0, "cannot \(what): \(SessionError(code: code))")
    }

    // MARK: Events

    /// A frame is complete.
    func frameReceived(_ frame: UnsafePointer<nghttp2_frame>) {
        let header = unsafe frame.pointee.hd
        let endsStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        let isAcknowledgement = header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue:
            if endsStream { unsafe events.dataEnded(stream: header.stream_id) }
        case NGHTTP2_HEADERS.rawValue:
            unsafe events.headersReceived(stream: header.stream_id, endsStream: endsStream)
        case NGHTTP2_SETTINGS.rawValue:
            if !isAcknowledgement { unsafe events.settingsReceived() }
        case NGHTTP2_PING.rawValue:
            if isAcknowledgement { unsafe events.pingAcknowledged() }
        case NGHTTP2_GOAWAY.rawValue:
            let goAway = unsafe frame.pointee.goaway
            unsafe events.goAwayReceived(
                lastStream: goAway.last_stream_id,
                errorCode: goAway.error_code,
            )
        default:
            break
        }
    }

    /// A frame is on its way.
    func frameSent(_ frame: UnsafePointer<nghttp2_frame>) {
        let header = unsafe FrameHeader(frame.pointee.hd)
        switch header.type {
        case FrameType.resetStream:
            unsafe events.resetSent(
                stream: header.stream,
                errorCode: frame.pointee.rst_stream.error_code,
            )
        case FrameType.goAway:
            if unsafe frame.pointee.goaway.error_code == endCode { hasSentEnd = true }
            unsafe events.goAwaySent(lastStream: frame.pointee.goaway.last_stream_id)
        default:
            unsafe events.frameSent(header)
            if header.type == FrameType.headers, header.endsStream {
                unsafe events.headersSentLast(stream: header.stream)
            }
        }
    }

    /// A frame cannot be sent, such as a header block that is too large: its stream has no answer.
    func frameNotSent(_ frame: UnsafePointer<nghttp2_frame>) {
        let header = unsafe frame.pointee.hd
        let isGone = unsafe nghttp2_session_get_stream_local_close(handle, header.stream_id) < 0
        guard UInt32(header.type) == NGHTTP2_HEADERS.rawValue, role == .server, !isGone
        else { return }
        reset(stream: header.stream_id, code: NGHTTP2_INTERNAL_ERROR)
    }

    /// The library fills a DATA frame.
    func fill(
        stream: Int32,
        _ buffer: UnsafeMutableBufferPointer<UInt8>,
        flags: UnsafeMutablePointer<UInt32>,
    ) -> Int {
        switch unsafe events.bodyWanted(stream: stream, into: buffer) {
        case .gone: return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        case .later: return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        case .bytes(let count, let isLast):
            if isLast {
                unsafe flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
                // Trailers end the stream of a server, not DATA.
                if role == .server {
                    unsafe flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                }
            }
            return count
        }
    }

    private var bodyProvider: nghttp2_data_provider {
        unsafe nghttp2_data_provider(
            source: nghttp2_data_source(),
            read_callback: { _, stream, buffer, length, flags, _, session in
                guard let session = unsafe session.map(Session.recover), let flags = unsafe flags
                else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
                let room = unsafe UnsafeMutableBufferPointer(start: buffer, count: length)
                return unsafe session.fill(stream: stream, room, flags: flags)
            },
        )
    }

    /// The session behind the user data of a callback: it owns the handle that calls, so it lives.
    static func recover(_ pointer: UnsafeMutableRawPointer) -> Session {
        unsafe Unmanaged<Session>.fromOpaque(pointer).takeUnretainedValue()
    }

    func forward(_ body: (any SessionEvents) -> Void) -> Int32 {
        unsafe body(events)
        return 0
    }

    func header(stream: Int32, name: LentBytes, value: LentBytes) -> Int32 {
        if unsafe events.headerReceived(stream: stream, name: name, value: value) { return 0 }
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
}

extension FrameHeader {
    init(_ header: nghttp2_frame_hd) {
        self.init(
            length: header.length,
            type: header.type,
            flags: header.flags,
            stream: header.stream_id,
        )
    }
}
