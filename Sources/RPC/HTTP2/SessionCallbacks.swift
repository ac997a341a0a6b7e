// Makes an `nghttp2_session`: its options and its callbacks.
//
// Each callback recovers the `Session` from the user data, calls one method and returns a code. The
// pointer is set by `Session.init` and valid until the session frees the handle in its `deinit`.

internal import Base
internal import CNghttp2

/// A new handle, owned by the caller, whose user data the caller sets before anything else.
func makeSessionHandle(role: Session.Role, limits: SessionLimits) -> OpaquePointer {
    let options = unsafe made("options") { unsafe nghttp2_option_new(&$0) }
    defer { unsafe nghttp2_option_del(options) }
    unsafe apply(limits, to: options)

    let callbacks = unsafe made("callbacks") { unsafe nghttp2_session_callbacks_new(&$0) }
    defer { unsafe nghttp2_session_callbacks_del(callbacks) }
    unsafe setHeaderCallbacks(callbacks)
    unsafe setFrameCallbacks(callbacks)

    return unsafe made("a session") { handle in
        switch role {
        case .server: unsafe nghttp2_session_server_new2(&handle, callbacks, nil, options)
        case .client: unsafe nghttp2_session_client_new2(&handle, callbacks, nil, options)
        }
    }
}

private func made(_ what: String, _ make: (inout OpaquePointer?) -> Int32) -> OpaquePointer {
    var handle: OpaquePointer?
    let code = unsafe make(&handle)
    guard code == 0, let handle = unsafe handle else {
        invariantBroken("out of memory for \(what) of HTTP/2")
    }
    return unsafe handle
}

private func apply(_ limits: SessionLimits, to options: OpaquePointer) {
    // Room goes back to the peer when the owner says so, see `Session.consume`.
    unsafe nghttp2_option_set_no_auto_window_update(options, 1)
    unsafe nghttp2_option_set_no_closed_streams(options, 1)
    unsafe nghttp2_option_set_max_deflate_dynamic_table_size(options, limits.headerTableBytesMax)
    unsafe nghttp2_option_set_max_outbound_ack(options, limits.acknowledgementsQueuedMax)
    unsafe nghttp2_option_set_max_settings(options, limits.settingsEntriesMax)
    unsafe nghttp2_option_set_max_continuations(options, limits.continuationsMax)
    // `FrameGuard` counts first, and apart from resets those that do no harm; this is the backstop.
    unsafe nghttp2_option_set_stream_reset_rate_limit(
        options,
        2 * (limits.resetBurst + UInt64(limits.frameBurst)),
        2 * (limits.resetsPerSecond + UInt64(limits.framesPerSecond)),
    )
}

private func setHeaderCallbacks(_ callbacks: OpaquePointer) {
    unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) {
        _,
        frame,
        session in
        guard let frame = unsafe frame else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        let stream = unsafe frame.pointee.hd.stream_id
        return unsafe recovering(session) { $0.forward { $0.headersBegan(stream: stream) } }
    }
    unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
        _,
        frame,
        name,
        nameCount,
        value,
        valueCount,
        _,
        session in
        guard let frame = unsafe frame else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        let stream = unsafe frame.pointee.hd.stream_id
        let name = unsafe LentBytes(start: name, count: nameCount)
        let value = unsafe LentBytes(start: value, count: valueCount)
        return unsafe recovering(session) {
            unsafe $0.header(stream: stream, name: name, value: value)
        }
    }
}

private func setFrameCallbacks(_ callbacks: OpaquePointer) {
    unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) {
        _,
        frame,
        session in
        guard let frame = unsafe frame else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        return unsafe recovering(session) {
            unsafe $0.frameReceived(frame)
            return 0
        }
    }
    unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks) {
        _,
        frame,
        code,
        session in
        guard let frame = unsafe frame else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        let header = unsafe FrameHeader(frame.pointee.hd)
        return unsafe recovering(session) {
            $0.forward { $0.invalidFrameReceived(header, SessionError(code: code)) }
        }
    }
    unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) {
        _,
        frame,
        session in
        guard let frame = unsafe frame else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        return unsafe recovering(session) {
            unsafe $0.frameSent(frame)
            return 0
        }
    }
    unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) {
        _,
        frame,
        _,
        session in
        guard let frame = unsafe frame else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
        return unsafe recovering(session) {
            unsafe $0.frameNotSent(frame)
            return 0
        }
    }
    unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
        _,
        _,
        stream,
        start,
        count,
        session in
        let bytes = unsafe LentBytes(start: start, count: count)
        return unsafe recovering(session) {
            $0.forward { unsafe $0.dataReceived(stream: stream, bytes) }
        }
    }
    unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
        _,
        stream,
        code,
        session in
        unsafe recovering(session) {
            $0.forward { $0.streamClosed(stream: stream, errorCode: code) }
        }
    }
}

private func recovering(
    _ session: UnsafeMutableRawPointer?,
    _ body: (Session) -> Int32,
) -> Int32 {
    guard let session = unsafe session else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
    return unsafe body(Session.recover(session))
}
