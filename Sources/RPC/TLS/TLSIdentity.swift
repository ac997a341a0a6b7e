// The names in a certificate that was checked.

internal import NIOSSL

extension PeerIdentity {
    /// Takes the names of a certificate; those that are no printable ASCII are left out, because
    /// nobody could have meant them and somebody could take them for others.
    init(certificate: NIOSSLCertificate) {
        self.init()
        for name in certificate._subjectAlternativeNames() {
            guard name.contents.allSatisfy({ (0x21...0x7e).contains($0) }) else { continue }
            let text = String(decoding: name.contents, as: UTF8.self)
            switch name.nameType {
            case .uri: uris.append(text)
            case .dnsName: dnsNames.append(text)
            default: continue
            }
        }
    }
}
