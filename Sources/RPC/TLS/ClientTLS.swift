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

    private func isAddress(_ text: String) -> Bool {
        (try? SocketAddress(ipAddress: text, port: 0)) != nil
    }
}
