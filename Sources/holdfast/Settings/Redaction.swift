// Connection strings without their passwords, for logs and for people.

/// A libpq connection string or URI with every password replaced by `***`.
///
/// When the text cannot be understood, nothing of it is shown: a password could be anywhere.
func redactedConninfo(_ text: String) -> String {
    if text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") {
        return redactedURI(text)
    }
    guard let pairs = conninfoPairs(text) else { return "***" }
    return
        pairs
        .map { name, value in
            if name.lowercased().contains("password") { return "\(name)=***" }
            let isPlain = !value.isEmpty && !value.contains { $0 == " " || $0 == "'" || $0 == "\\" }
            let quoted = value.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
            return isPlain ? "\(name)=\(value)" : "\(name)='\(quoted)'"
        }
        .joined(separator: " ")
}

private func redactedURI(_ text: String) -> String {
    guard let schemeEnd = text.firstRange(of: "://")?.upperBound else { return "***" }
    var rest = text[schemeEnd...]
    var query: Substring = ""
    if let mark = rest.firstIndex(of: "?") {
        query = rest[rest.index(after: mark)...]
        rest = rest[..<mark]
    }
    var shown = String(text[..<schemeEnd])
    // A password may hold an @ that somebody forgot to escape, so the last one counts.
    if let at = rest.lastIndex(of: "@") {
        let user = rest[..<at].prefix { $0 != ":" }
        shown += user
        if user.endIndex != at { shown += ":***" }
        rest = rest[at...]
    }
    shown += rest
    let parameters = query.split(separator: "&")
        .map { parameter in
            let name = parameter.prefix { $0 != "=" }
            return name.lowercased().contains("password") ? "\(name)=***" : String(parameter)
        }
        .joined(separator: "&")
    return parameters.isEmpty ? shown : "\(shown)?\(parameters)"
}

/// Reads `name=value name='va lue'`; nil when it is malformed.
private func conninfoPairs(_ text: String) -> [(String, String)]? {
    var pairs: [(String, String)] = []
    var rest = text[...]
    while true {
        rest = rest.drop(while: \.isWhitespace)
        if rest.isEmpty { return pairs }
        let name = rest.prefix { $0 != "=" && !$0.isWhitespace }
        rest = rest.dropFirst(name.count).drop(while: \.isWhitespace)
        guard !name.isEmpty, rest.first == "=" else { return nil }
        rest = rest.dropFirst().drop(while: \.isWhitespace)
        guard let value = conninfoValue(&rest) else { return nil }
        pairs.append((String(name), value))
    }
}

/// Takes one value, quoted or not; nil when its quote is never closed.
private func conninfoValue(_ rest: inout Substring) -> String? {
    let isQuoted = rest.first == "'"
    if isQuoted { rest = rest.dropFirst() }
    var value = ""
    while let character = rest.first {
        if isQuoted, character == "'" {
            rest = rest.dropFirst()
            return value
        }
        if !isQuoted, character.isWhitespace { return value }
        rest = rest.dropFirst()
        if character == "\\" {
            if let escaped = rest.popFirst() { value.append(escaped) }
        } else {
            value.append(character)
        }
    }
    return isQuoted ? nil : value
}
