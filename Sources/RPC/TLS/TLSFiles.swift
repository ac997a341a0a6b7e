// Certificates and keys as they lie in files, and every way in which a file can be wrong.

internal import NIOSSL

/// What is wrong with a file of certificates or keys.
package enum TLSFileError: Error, Hashable, Sendable {
    /// The file is missing, cut off or holds something else.
    case noCertificate(file: String)
    /// The file is missing, cut off, encrypted or holds something else.
    case noKey(file: String)
    /// Each file is sound, but they are not of one pair.
    case keyDoesNotMatch(certificateFile: String, keyFile: String)
    /// The library takes the files apart and refuses what it finds.
    case refused(reason: String)
}

extension TLSFileError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noCertificate(let file): "\(file) holds no certificate in PEM that can be read"
        case .noKey(let file): "\(file) holds no private key in PEM that can be read"
        case .keyDoesNotMatch(let certificate, let key):
            "the key in \(key) is not that of the certificate in \(certificate)"
        case .refused(let reason): "the certificates cannot be used: \(reason)"
        }
    }
}

/// A certificate with its key.
struct TLSPair: Hashable, Sendable {
    /// The holder's certificate first; never empty.
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    private let certificateFile: String
    private let keyFile: String

    /// Reads both; blocks the thread.
    init(certificateFile: String, keyFile: String) throws(TLSFileError) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        chain = try certificates(in: certificateFile)
        do {
            key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        } catch {
            throw .noKey(file: keyFile)
        }
    }

    /// Makes the pair what a side shows of itself.
    func apply(to configuration: inout TLSConfiguration) {
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(key)
    }

    /// What is wrong when the library refuses the pair.
    func explained(_ error: any Error) -> TLSFileError {
        if case NIOSSLError.failedToLoadPrivateKey = error {
            return .keyDoesNotMatch(certificateFile: certificateFile, keyFile: keyFile)
        }
        return .refused(reason: TLSFailure.text(error))
    }
}

/// The certificates of a file, at least one; blocks the thread.
func certificates(in file: String) throws(TLSFileError) -> [NIOSSLCertificate] {
    do {
        return try NIOSSLCertificate.fromPEMFile(file)
    } catch {
        throw .noCertificate(file: file)
    }
}
