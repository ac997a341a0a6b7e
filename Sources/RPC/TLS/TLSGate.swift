// Stands between TLS and HTTP/2 until the handshake is over: what comes after it in the pipeline does
// not hear of the channel before a peer is there that speaks h2. Then it steps out of the way.

internal import Base
internal import Loop
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// Waits for the handshake of one connection, for so long and no longer; confined to its loop.
final class TLSGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private enum State {
        case waiting
        case open
        /// The reason was told; the channel closes.
        case failed
    }

    private let loop: Loop
    private let millisecondsMax: Int64
    private let refusal: (NIOSSLCertificate?) -> String?
    private let opened: (PeerIdentity?) -> Void
    private let failed: (_ reason: String, _ limit: RPCLimit?) -> Void
    private var state = State.waiting
    private var timer: TimerToken?
    private var context: ChannelHandlerContext?

    /// A gate that tells once how the handshake went.
    ///
    /// - Parameters:
    ///   - refusal: what is wrong with a certificate that the library has checked; nil: nothing.
    ///   - opened: called with what the peer's certificate says, before the channel becomes active
    ///     for those behind the gate.
    ///   - failed: called instead, with the limit that has bitten, if one has; those behind the gate
    ///     never hear of the channel.
    init(
        loop: Loop,
        millisecondsMax: Int64,
        refusal: @escaping (NIOSSLCertificate?) -> String? = { _ in nil },
        opened: @escaping (PeerIdentity?) -> Void,
        failed: @escaping (_ reason: String, _ limit: RPCLimit?) -> Void,
    ) {
        self.loop = loop
        self.millisecondsMax = millisecondsMax
        self.refusal = refusal
        self.opened = opened
        self.failed = failed
    }

    /// Ends a handshake that nobody waits for any more.
    func close(_ reason: String, _ limit: RPCLimit? = nil) {
        fail(reason, limit)
        context?.close(promise: nil)
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        cancelTimer()
    }

    func channelActive(context: ChannelHandlerContext) {
        timer = loop.timers.schedule(at: .now() + .milliseconds(millisecondsMax)) {
            self.timer = nil
            let reason = "the TLS handshake took longer than \(self.millisecondsMax) ms"
            self.close(reason, .tlsHandshakeTime)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case TLSUserEvent.handshakeCompleted(let spoken)? = event as? TLSUserEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        guard case .waiting = state else { return }
        guard spoken == TLSRules.applicationProtocol else {
            close("the peer did not agree on h2 in the TLS handshake (ALPN)")
            return
        }
        let certificate = tls(context)?.peerCertificate
        if let reason = refusal(certificate) {
            close(reason)
            return
        }
        state = .open
        cancelTimer()
        opened(certificate.map(PeerIdentity.init(certificate:)))
        context.fireChannelActive()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .open = state { context.fireChannelRead(data) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case .open = state {
            context.fireErrorCaught(error)
            return
        }
        let now = SystemClock().now().microseconds / 1_000_000
        let certificate = tls(context)?.peerCertificate
        close(TLSFailure.text(error, certificate: certificate, now: now))
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .open = state {
            context.fireChannelInactive()
        } else {
            fail("the peer hung up before the TLS handshake was over")
        }
    }

    // MARK: Parts

    private func fail(_ reason: String, _ limit: RPCLimit? = nil) {
        guard case .waiting = state else { return }
        state = .failed
        cancelTimer()
        failed(reason, limit)
    }

    private func cancelTimer() {
        if let timer { loop.timers.cancel(timer) }
        timer = nil
    }

    /// The handler of the encryption; gone when the channel is.
    private func tls(_ context: ChannelHandlerContext) -> NIOSSLHandler? {
        try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self)
    }
}
