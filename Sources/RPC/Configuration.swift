// Every limit of the transport, by name, unit last. The defaults suit a server behind no proxy.

/// Limits of one HTTP/2 session, on either side.
package struct SessionLimits: Hashable, Sendable {
    /// Streams that the peer may have open at once.
    package var streamsMax = 256
    /// Window of one stream, in bytes.
    package var streamWindowBytes = 65_536
    /// Window of the whole connection, in bytes.
    package var connectionWindowBytes = 1_048_576
    /// Names, values and 32 bytes for each field of one header block.
    package var headerListBytesMax = 8_192
    /// Fields of one header block.
    package var headerFieldsMax = 64
    /// Table of header compression, on either side, in bytes.
    package var headerTableBytesMax = 4_096
    /// Header blocks over these limits that a connection may send before it is ended.
    package var headerOverrunsMax = 8
    /// RST_STREAM frames that the peer may send at once, and how many more each second.
    package var resetBurst: UInt64 = 200
    package var resetsPerSecond: UInt64 = 50
    /// A call with no more time than this, in milliseconds, may be taken back at any moment: such
    /// resets count as frames without a meaning.
    package var shortCallMilliseconds: Int64 = 100
    /// RST_STREAM frames of ours that the peer may provoke at once, and how many more each second.
    package var provokedResetBurst = 100
    package var provokedResetsPerSecond = 33
    /// Streams above `streamsMax` that are refused one by one, at once and each second; then the
    /// connection ends.
    package var refusedStreamBurst = 1_000
    package var refusedStreamsPerSecond = 100
    /// Streams that we have reset and that the peer may not know of yet, for each connection.
    package var resetStreamsKeptMax = 256
    /// The least time between two PING frames of the peer while we send nothing, in milliseconds.
    package var pingIntervalMilliseconds: Int64 = 10_000
    /// PING frames before their time that are forgiven, until we send something.
    package var pingStrikesMax = 2
    /// SETTINGS frames at once, and the time until one more, in milliseconds: 8 in 10 seconds.
    package var settingsBurst = 8
    package var settingsIntervalMilliseconds: Int64 = 1_250
    /// PRIORITY frames at once and each second, and as many each of WINDOW_UPDATE, of DATA that is
    /// empty and of frames without a meaning.
    package var frameBurst = 10_000
    package var framesPerSecond = 1_000
    /// WINDOW_UPDATE frames that are free for each DATA frame that we send.
    package var windowUpdatesPerDataSent: Int64 = 2
    /// Bytes of a request that may come after its answer; then its stream is reset.
    package var lateBodyBytesMax = 16_384
    /// How long the rest of a request may take after its answer, in milliseconds.
    package var lateBodyMilliseconds: Int64 = 1_000
    /// Acknowledgements that wait because the peer does not read.
    package var acknowledgementsQueuedMax = 1_000
    /// Entries of one SETTINGS frame.
    package var settingsEntriesMax = 16
    /// CONTINUATION frames after one HEADERS frame.
    package var continuationsMax = 2

    package init() {}
}

/// Where a server listens, and its limits.
package struct RPCServerConfiguration: Hashable, Sendable {
    /// A numeric address or a name.
    package var host: String
    /// 0 lets the system choose.
    package var port: Int
    package var session = SessionLimits()
    /// Connections of the whole server; one more is closed at once.
    package var connectionsMax = 1_024
    /// Handlers of the whole server that run at once; one more call is refused.
    package var callsMax = 4_096
    /// When even the fastest call takes longer than this, in milliseconds, fewer calls are let in.
    package var overloadLatencyMilliseconds: Int64 = 100
    /// The largest request in bytes, unless a method says otherwise.
    package var messageBytesMax = 262_144
    /// The deadline of a call that brings none, in milliseconds.
    package var deadlineDefaultMilliseconds: Int64 = 2_000
    /// The longest deadline in milliseconds; longer ones are cut to it.
    package var deadlineMillisecondsMax: Int64 = 30_000
    /// How long a new connection may take until its SETTINGS frame has come, in milliseconds.
    package var handshakeMillisecondsMax: Int64 = 10_000
    /// How long a header block may take from its first frame to its last, in milliseconds.
    package var headersMillisecondsMax: Int64 = 10_000
    /// How long a message may take from its first byte to its last, in milliseconds.
    package var messageMillisecondsMax: Int64 = 10_000
    /// How long a peer may leave replies unread, on a stream or on the whole connection, in
    /// milliseconds.
    package var stallMillisecondsMax: Int64 = 10_000
    /// Bytes of one connection that were received and not taken by a handler.
    package var unreadBytesMax = 8_388_608
    /// Bytes of replies that wait on one connection; while more wait, new calls are refused.
    package var unsentBytesMax = 8_388_608
    /// How long a connection may be without a call before it is told to go, in milliseconds.
    package var idleMillisecondsMax: Int64 = 600_000
    /// How old a connection gets before it is told to go, in milliseconds; up to a tenth is added
    /// or taken away, so that those made together do not leave together.
    package var ageMillisecondsMax: Int64 = 3_600_000
    /// How long calls may go on after a connection was told to go for its age, in milliseconds.
    package var ageGraceMilliseconds: Int64 = 60_000
    /// Silence of the peer after which it is asked for a sign of life, in milliseconds.
    package var keepaliveMilliseconds: Int64 = 60_000
    /// How long it may take to give one, in milliseconds.
    package var keepaliveMillisecondsMax: Int64 = 20_000
    /// How often all connections are looked at for what takes too long, in milliseconds.
    package var lookMilliseconds: Int64 = 500
    /// Connections that one address may have, so that none takes them all; 0 sets no bound.
    package var connectionsPerAddressMax = 512
    /// Connections that wait to be accepted, for each event loop.
    package var backlog = 1_024
    /// Whether another process of the same user may listen on the port too: the kernel spreads
    /// connections over both, so one can be restarted while the other serves.
    package var sharesPort = false

    package init(host: String = "127.0.0.1", port: Int = 0) {
        self.host = host
        self.port = port
    }
}

/// Limits of a client.
package struct RPCClientConfiguration: Hashable, Sendable {
    package var session = SessionLimits()
    /// How long connecting may take, in milliseconds.
    package var connectMillisecondsMax: Int64 = 5_000
    /// The largest reply, in bytes.
    package var messageBytesMax = 4_194_304
    /// Calls that wait because the peer takes no more streams, or for a connection.
    package var callsWaitingMax = 65_536
    /// What `user-agent` says.
    package var userAgent = "swift-rpc/1"
    /// Nil speaks without encryption; else the handshake may take as long again as connecting.
    package var tls: ClientTLS?

    package init() {}
}
