// The certificate that a server shows, which may change while it runs: files are read again when
// somebody asks, new connections get what was read last, old ones keep what they began with.
//
// Files that cannot be used change nothing. Reading blocks, so it is never done on an event loop.

internal import NIOSSL
internal import Synchronization

/// What a look at the files has brought.
package enum TLSReload: Hashable, Sendable {
    /// They hold what is served already.
    case unchanged
    /// New connections get what they hold now.
    case replaced
}

/// The present certificates of a server.
package final class TLSContexts: Sendable {
    /// What the files held.
    private struct Material: Hashable {
        var pair: TLSPair
        var clientCAs: [NIOSSLCertificate]
    }

    private struct Serving {
        var material: Material
        var context: NIOSSLContext
    }

    package let settings: ServerTLS
    private let serving: Mutex<Serving>
    /// Held while files are read, so that of two looks the later one wins.
    private let reading = Mutex<Void>(())

    /// Reads the files; blocks the thread.
    package init(_ settings: ServerTLS) throws(TLSFileError) {
        self.settings = settings
        let material = try Self.read(settings)
        let context = try Self.context(settings, material)
        serving = Mutex(Serving(material: material, context: context))
    }

    /// What a new connection shakes hands with.
    var current: NIOSSLContext { serving.withLock { $0.context } }

    /// When the server's certificate ends, in seconds since 1970-01-01 UTC.
    package var expiresAtSeconds: Int64 {
        Int64(serving.withLock { $0.material.pair.chain[0].notValidAfter })
    }

    /// Reads the files again; blocks the thread.
    ///
    /// - Throws: when they cannot be used; what was served before goes on being served.
    package func reload() throws(TLSFileError) -> TLSReload {
        let result = reading.withLock { _ -> Result<TLSReload, TLSFileError> in
            do throws(TLSFileError) {
                return .success(try readAgain())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func readAgain() throws(TLSFileError) -> TLSReload {
        let material = try Self.read(settings)
        if serving.withLock({ $0.material }) == material { return .unchanged }
        let context = try Self.context(settings, material)
        serving.withLock { $0 = Serving(material: material, context: context) }
        return .replaced
    }

    private static func read(_ settings: ServerTLS) throws(TLSFileError) -> Material {
        let pair = try TLSPair(
            certificateFile: settings.certificateFile,
            keyFile: settings.keyFile,
        )
        guard let file = settings.clientCAFile else { return Material(pair: pair, clientCAs: []) }
        return Material(pair: pair, clientCAs: try certificates(in: file))
    }

    private static func context(
        _ settings: ServerTLS,
        _ material: Material,
    ) throws(TLSFileError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [],
            privateKey: .privateKey(material.pair.key),
        )
        TLSRules.apply(to: &configuration)
        material.pair.apply(to: &configuration)
        if !material.clientCAs.isEmpty {
            configuration.trustRoots = .certificates(material.clientCAs)
            configuration.sendCANameList = true
            configuration.certificateVerification =
                settings.isClientCertificateRequired
                ? .noHostnameVerification : .optionalVerification
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw material.pair.explained(error)
        }
    }
}
