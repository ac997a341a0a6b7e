// The address of a server as the commands take it.

internal import ArgumentParser
internal import Foundation

/// Host and port of `HOST:PORT`.
func serverAddress(_ text: String) throws -> (host: String, port: Int) {
    guard let colon = text.lastIndex(of: ":"),
        let port = Int(text[text.index(after: colon)...]), (1...65_535).contains(port)
    else { throw ValidationError("--server takes HOST:PORT, not '\(text)'") }
    let host = text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    return (host, port)
}

/// Whether a host is this machine, by its name.
func isThisMachine(_ host: String) -> Bool {
    ["localhost", "::1"].contains(host) || host.hasPrefix("127.")
}
