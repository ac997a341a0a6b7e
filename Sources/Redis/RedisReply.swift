// What Redis answers. An error of the server is a reply like any other: it keeps its place in the
// order, and only the caller knows what it means.

/// One reply.
package enum RedisReply: Sendable, Hashable {
    case null
    case integer(Int64)
    /// A short text such as OK.
    case status(String)
    case bytes([UInt8])
    case array([RedisReply])
    case error(RedisServerError)

    /// The text of a status or of bytes; nil for everything else.
    package var text: String? {
        switch self {
        case .status(let text): text
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .null, .integer, .array, .error: nil
        }
    }
}

/// An error that the server reports for one command.
package struct RedisServerError: Error, Sendable, Hashable {
    /// The first word, such as ERR, NOSCRIPT, LOADING, READONLY.
    package let code: String
    /// The rest.
    package let message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    /// Splits the text of an error reply.
    init(text: String) {
        let parts = text.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        code = parts.first.map(String.init) ?? ""
        message = parts.count > 1 ? String(parts[1]) : ""
    }
}

extension RedisServerError: CustomStringConvertible {
    package var description: String { message.isEmpty ? code : "\(code) \(message)" }
}
