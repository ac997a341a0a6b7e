// What went wrong with TLS, in words: the library speaks in codes and places of its own source.

internal import NIOCore
internal import NIOSSL

/// Tells of failures of TLS.
enum TLSFailure {
    /// What is known by the words of the library, and what it means.
    private static let meanings: [(mark: String, meaning: String)] = [
        ("EOF during handshake", "the peer hung up before the TLS handshake was over"),
        ("WRONG_VERSION_NUMBER", "the peer does not speak TLS"),
        ("HTTP_REQUEST", "the peer does not speak TLS"),
        ("UNSUPPORTED_PROTOCOL", "the peer offers no version of TLS that is allowed here"),
        ("PROTOCOL_VERSION", "the peer refuses our version of TLS"),
        ("NO_SHARED_CIPHER", "the peer offers no cipher suite that is allowed here"),
        ("PEER_DID_NOT_RETURN_A_CERTIFICATE", "the peer showed no certificate"),
        ("CERTIFICATE_REQUIRED", "the peer demands a client certificate"),
        ("ALERT_CERTIFICATE_EXPIRED", "the peer says that our certificate has expired"),
        ("ALERT_UNKNOWN_CA", "the peer does not know who signed our certificate"),
        ("ALERT_BAD_CERTIFICATE", "the peer refuses our certificate"),
        ("ALERT_CERTIFICATE_UNKNOWN", "the peer refuses our certificate"),
        ("ALERT_UNSUPPORTED_CERTIFICATE", "the peer refuses our certificate"),
        ("ALERT_HANDSHAKE_FAILURE", "the peer refuses the TLS handshake"),
    ]

    /// The error, for people.
    ///
    /// - Parameters:
    ///   - certificate: what the peer has shown, if anything.
    ///   - now: seconds since 1970-01-01 UTC.
    static func text(
        _ error: any Error,
        certificate: NIOSSLCertificate? = nil,
        now: Int64 = 0,
    ) -> String {
        if let error = error as? NIOSSLExtraError, error == .failedToValidateHostname {
            return "the peer's certificate is of another name: \(error)"
        }
        if case NIOSSLError.uncleanShutdown = error { return "cut off by the peer" }
        let words = "\(error)"
        if words.contains("CERTIFICATE_VERIFY_FAILED") {
            return unverified(certificate, now: now)
        }
        return meanings.first { words.contains($0.mark) }?.meaning ?? words
    }

    /// Why a certificate did not pass; the library says no more than that it did not.
    private static func unverified(_ certificate: NIOSSLCertificate?, now: Int64) -> String {
        guard let certificate else { return "the peer's certificate cannot be trusted" }
        if Int64(certificate.notValidAfter) < now { return "the peer's certificate has expired" }
        if Int64(certificate.notValidBefore) > now {
            return "the peer's certificate is not valid yet"
        }
        return "the peer's certificate is not signed by anybody who is trusted"
    }
}
