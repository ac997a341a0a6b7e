// Certificates for tests, made by the program `openssl` in a folder of their own that goes away with
// the value.

internal import Foundation

/// A certificate and its key, each in a PEM file.
package struct CertificateFiles: Hashable, Sendable {
    package var certificate: String
    package var key: String
}

/// A folder of authorities and of what they have signed.
package final class Certificates: Sendable {
    package let folder: String

    package init() throws {
        folder = try makeDirectory("hf-tls")
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// A new authority that signs for itself.
    package func authority(_ name: String) throws -> CertificateFiles {
        let files = paths(name)
        try check(
            ["openssl", "req", "-x509", "-subj", "/CN=\(name)", "-days", "30"] + newKey(files)
                + ["-out", files.certificate]
        )
        return files
    }

    /// A new certificate with a new key.
    ///
    /// - Parameters:
    ///   - names: as openssl writes them, `DNS:localhost,IP:127.0.0.1,URI:spiffe://a/b`.
    ///   - days: how long it is good; negative makes one that has expired.
    package func certificate(
        _ name: String,
        by authority: CertificateFiles,
        names: String,
        serial: Int = 1,
        days: Int = 30,
    ) throws -> CertificateFiles {
        let files = paths(name)
        let request = "\(folder)/\(name).request"
        try check(
            ["openssl", "req", "-new", "-subj", "/CN=\(name)", "-out", request] + newKey(files)
                + ["-addext", "subjectAltName=\(names)"]
        )
        try check([
            "openssl", "x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey",
            authority.key, "-set_serial", "\(serial)", "-days", "\(days)", "-copy_extensions",
            "copy", "-out", files.certificate,
        ])
        return files
    }

    /// Puts files in the place of others, each in one step.
    package func replace(_ old: CertificateFiles, with new: CertificateFiles) throws {
        for (from, to) in [(new.certificate, old.certificate), (new.key, old.key)] {
            try check(["cp", from, "\(to).new"])
            try check(["mv", "\(to).new", to])
        }
    }

    private func paths(_ name: String) -> CertificateFiles {
        CertificateFiles(certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key")
    }

    private func newKey(_ files: CertificateFiles) -> [String] {
        [
            "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
            files.key,
        ]
    }
}
