// The settings of TLS: which make sense together, and where a server may do without.

internal import NIOCore
internal import RPC

extension Values {
    /// What a server is told of TLS; nil without a certificate.
    var tls: ServerTLS? {
        guard let certificate = values[.tlsCertificate], let key = values[.tlsKey] else {
            return nil
        }
        var tls = ServerTLS(
            certificateFile: certificate,
            keyFile: key,
            clientCAFile: values[.tlsClientCA],
        )
        tls.isClientCertificateRequired = isClientRequired
        tls.handshakeMillisecondsMax = Int64(number(.tlsHandshakeMsMax))
        return tls
    }

    /// Settings of TLS that contradict each other.
    var tlsProblems: [String] {
        var problems: [String] = []
        if (values[.tlsCertificate] == nil) != (values[.tlsKey] == nil) {
            problems.append("tls.certificate and tls.key go together: one of them is missing")
        }
        if values[.tlsClientCA] != nil, values[.tlsCertificate] == nil {
            problems.append("tls.client.ca needs tls.certificate")
        }
        if isClientRequired, values[.tlsClientCA] == nil {
            problems.append("tls.client.required needs tls.client.ca")
        }
        return problems
    }

    private var isClientRequired: Bool { text(.tlsClientRequired) == "true" }
}

/// Whether an address is one that only this machine can reach.
func isLoopback(_ host: String) -> Bool {
    if host == "localhost" { return true }
    // Only what is plainly an address counts; how a name resolves is for others to decide.
    guard let address = try? SocketAddress(ipAddress: host, port: 0) else { return false }
    return address.ipAddress == "::1" || address.ipAddress?.hasPrefix("127.") == true
}
