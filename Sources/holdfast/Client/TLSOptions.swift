// The options of TLS of every command that speaks to a server.

internal import ArgumentParser
internal import Foundation
internal import RPC

/// Whom to trust, and what to show to the server.
///
/// The variables of a client's certificate have names of their own: HOLDFAST_TLS_CERTIFICATE is the
/// server's, and both may be set where both run.
struct TLSOptions: ParsableArguments {
    @Flag(
        name: .customLong("tls"),
        help: ArgumentHelp(
            """
            Call over TLS and trust whom the system trusts; the other flags of TLS mean it, too. \
            (default: HOLDFAST_TLS, or false)
            """
        )
    )
    var isWanted = false

    @Option(
        name: .customLong("tls-ca"),
        help: ArgumentHelp(
            "PEM file of who signs the server's certificate. (default: HOLDFAST_TLS_CA)",
            valueName: "file",
        )
    )
    var authority: String?

    @Option(
        name: .customLong("tls-certificate"),
        help: ArgumentHelp(
            "PEM file of our certificate. (default: HOLDFAST_TLS_CLIENT_CERTIFICATE)",
            valueName: "file",
        )
    )
    var certificate: String?

    @Option(
        name: .customLong("tls-key"),
        help: ArgumentHelp(
            "PEM file of our certificate's key. (default: HOLDFAST_TLS_CLIENT_KEY)",
            valueName: "file",
        )
    )
    var key: String?

    @Option(
        name: .customLong("tls-server-name"),
        help: ArgumentHelp(
            """
            The name that the server's certificate must bear. (default: HOLDFAST_TLS_SERVER_NAME, \
            or the server's host)
            """,
            valueName: "name",
        )
    )
    var serverName: String?

    /// What these options and the environment say; nil calls without encryption.
    func settings(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> ClientTLS? {
        let certificate = certificate ?? environment["HOLDFAST_TLS_CLIENT_CERTIFICATE"]
        let key = key ?? environment["HOLDFAST_TLS_CLIENT_KEY"]
        var tls = ClientTLS(
            trustRootsFile: authority ?? environment["HOLDFAST_TLS_CA"],
            serverName: serverName ?? environment["HOLDFAST_TLS_SERVER_NAME"],
        )
        switch (certificate, key) {
        case (nil, nil): break
        case (let certificate?, let key?):
            tls.identity = ClientTLS.Identity(certificateFile: certificate, keyFile: key)
        default:
            throw CommandError(
                .invalid,
                "a client certificate needs its key: --tls-certificate and --tls-key go together",
            )
        }
        return try isWanted(environment) || tls != ClientTLS() ? tls : nil
    }

    private func isWanted(_ environment: [String: String]) throws -> Bool {
        if isWanted { return true }
        switch environment["HOLDFAST_TLS"] {
        case nil, "false": return false
        case "true": return true
        case let text?:
            throw CommandError(.invalid, "HOLDFAST_TLS is \"\(text)\", expected true or false")
        }
    }
}
