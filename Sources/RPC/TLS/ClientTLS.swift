// What a client is told of TLS, and the context that it makes of it.

internal import NIOCore
internal import NIOSSL

/// Whom a client trusts, and what it shows of itself.
package struct ClientTLS: Hashable, Sendable {
    /// A certificate of the client, for servers that want one.
    package struct Identity: Hashable, Sendable {
        /// PEM: the client's certificate first, then those that lead to its authority.
        package var certificateFile: String
        /// PEM: the private key of the certificate, not encrypted.
        package var keyFile: String

        package init(certificateFile: String, keyFile: String) {
            self.certificateFile = certificateFile
            self.keyFile = keyFile
        }
    }

    /// PEM: who signs the certificates of servers; nil trusts those that the system trusts.
    package var trustRootsFile: String?
    package var identity: Identity?
    /// The name that the server's certificate must bear, not an address; nil is the host that is
    /// connected to.
    package var serverName: String?

    package init(
        trustRootsFile: String? = nil,
        identity: Identity? = nil,
        serverName: String? = nil,
    ) {
        self.trustRootsFile = trustRootsFile
        self.identity = identity
        self.serverName = serverName
    }

    /// Reads the files; blocks the thread.
    func context() throws(TLSFileError) -> NIOSSLContext {
        // The library checks addresses against the connection, so another one would go unchecked.
        if let serverName, isAddress(serverName) {
            throw .refused(reason: "the server's name is \(serverName), an address")
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        TLSRules.apply(to: &configuration)
        if let trustRootsFile {
            configuration.trustRoots = .certificates(try certificates(in: trustRootsFile))
        }
        var pair: TLSPair?
        if let identity {
            pair = try TLSPair(
                certificateFile: identity.certificateFile,
                keyFile: identity.keyFile,
            )
            pair?.apply(to: &configuration)
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw pair?.explained(error) ?? .refused(reason: TLSFailure.text(error))
        }
    }

    /// The name to ask for and to check; nil when `host` is an address, which the certificate must
    /// then bear as such.
    func name(for host: String) -> String? {
        let name = serverName ?? host
        return isAddress(name) ? nil : name
    }

    /// What is wrong with the certificate of `host`, after the library has checked it.
    ///
    /// The library is content with a certificate of the address even when a name is wanted. Who can
    /// turn a name to an address of his own must not get by with a certificate of that address.
    func refusal(of certificate: NIOSSLCertificate?, host: String) -> String? {
        guard let name = name(for: host) else { return nil }
        let names = certificate.map(PeerIdentity.init(certificate:))?.dnsNames ?? []
        if names.contains(where: { covers($0, name) }) { return nil }
        return "the peer's certificate is of another name: \(names), not \(name)"
    }

    /// Whether a name in a certificate is that name; `*` stands for one label, the first.
    private func covers(_ pattern: String, _ name: String) -> Bool {
        let pattern = pattern.lowercased()
        var name = name.lowercased()[...]
        if name.hasSuffix(".") { name = name.dropLast() }
        guard pattern.hasPrefix("*.") else { return pattern == name }
        let rest = name.drop { $0 != "." }
        return rest.count < name.count && pattern.dropFirst() == rest
            && rest.dropFirst().contains(".")
    }

    private func isAddress(_ text: String) -> Bool {
        (try? SocketAddress(ipAddress: text, port: 0)) != nil
    }
}
