// What a server tells whoever counts: called on the loop where it happens, so it must be quick.

/// Closures that a server calls on its event loop; what is nil is not told.
package struct RPCServerEvents {
    package var connectionOpened: (() -> Void)?
    package var connectionClosed: (() -> Void)?
    /// A connection has ended before its TLS handshake was over, or without agreement on h2.
    package var handshakeFailed: ((_ reason: String) -> Void)?
    /// A call has begun; its method as `/package.Service/Method`, or `unknown`.
    package var callStarted: ((_ method: String) -> Void)?
    /// A call has been answered, reset or lost, after so many microseconds.
    package var callEnded: ((_ method: String, _ code: StatusCode, _ microseconds: Int64) -> Void)?
    /// A peer, or all of them, ran into a limit.
    package var limitHit: ((RPCLimit) -> Void)?

    package init() {}
}
