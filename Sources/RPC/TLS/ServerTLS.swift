// What a server is told of TLS, and what a handshake with it must fulfil.

internal import NIOCore
internal import NIOSSL

/// The files and limits of a server's TLS.
package struct ServerTLS: Hashable, Sendable {
    /// PEM: the server's certificate first, then those that lead to its authority.
    package var certificateFile: String
    /// PEM: the private key of the certificate, not encrypted.
    package var keyFile: String
    /// PEM: who signs the certificates of clients; nil asks no client for one.
    package var clientCAFile: String?
    /// Whether a client without a certificate is sent away.
    package var isClientCertificateRequired = false
    /// How long a new connection may take until its handshake is over, in milliseconds.
    package var handshakeMillisecondsMax: Int64 = 10_000

    package init(certificateFile: String, keyFile: String, clientCAFile: String? = nil) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.clientCAFile = clientCAFile
    }
}

/// What both sides demand of TLS.
enum TLSRules {
    /// The only protocol that is spoken here, as ALPN names it.
    static let applicationProtocol = "h2"

    /// How long a peer may take to answer that the connection ends, in milliseconds.
    static let closeMillisecondsMax: Int64 = 1_000

    /// A larger buffer of encrypted bytes than this is not kept for a connection's next write.
    static let keptBytesMax = 65_536

    /// The suites of TLS 1.2 that RFC 9113 leaves over.
    ///
    /// Its appendix A forbids all but those with a key for each connection and encryption that
    /// authenticates; TLS 1.3 has no others.
    private static let suites: [NIOTLSCipher] = [
        .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]

    /// Sets what does not depend on files.
    static func apply(to configuration: inout TLSConfiguration) {
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuiteValues = suites
        configuration.applicationProtocols = [applicationProtocol]
        configuration.shutdownTimeout = .milliseconds(closeMillisecondsMax)
    }
}
