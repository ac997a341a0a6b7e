// One file of the tree as the rules see it: its lines, its Swift code without comments and
// literals, and the literals by themselves. A scanner of characters, not a parser: it must never
// need to understand Swift beyond where strings, comments and raw identifiers begin and end.

/// A file: its path from the root of the project and its text.
struct SourceText {
    let path: String
    let lines: [String]
    /// The Swift code line by line; comments, literals and raw identifiers are blanked out.
    let code: [String]
    let literals: [Literal]

    /// A string literal without its interpolations, and the line that it begins on (from 1).
    struct Literal {
        var line: Int
        var text: String
    }

    init(path: String, text: String) {
        self.path = path
        lines = splitLines(text)
        if path.hasSuffix(".swift") {
            var scanner = SwiftScanner(text)
            scanner.scan()
            code = splitLines(String(decoding: scanner.code, as: UTF8.self))
            literals = scanner.literals
        } else {
            code = lines
            literals = []
        }
    }

    var isSwift: Bool { path.hasSuffix(".swift") && !isGenerated }
    var isGenerated: Bool { path.hasSuffix(".pb.swift") }
    var isTest: Bool { path.hasPrefix("Tests/") }

    /// Whether the path lies in one of the folders, or is one of the files.
    func isIn(_ places: [String]) -> Bool {
        places.contains { path == $0 || path.hasPrefix($0 + "/") }
    }

    /// The module that the file belongs to: the folder under Sources; nil elsewhere.
    var module: String? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, parts[0] == "Sources" else { return nil }
        return String(parts[1])
    }
}

func splitLines(_ text: String) -> [String] {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    if lines.last == "" {
        lines.removeLast()
    }
    return lines
}

/// Walks over the bytes of Swift source once; everything that is not code becomes spaces.
private struct SwiftScanner {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private(set) var code: [UInt8] = []
    private(set) var literals: [SourceText.Literal] = []

    init(_ text: String) {
        bytes = Array(text.utf8)
        code.reserveCapacity(bytes.count)
    }

    mutating func scan() {
        while position < bytes.count {
            scanCode(untilParenthesis: false)
        }
    }

    /// Code up to the end, or up to the parenthesis that closes an interpolation.
    private mutating func scanCode(untilParenthesis: Bool) {
        var depth = 0
        while position < bytes.count {
            if starts("//") {
                skip { $0.bytes[$0.position] == UInt8(ascii: "\n") }
            } else if starts("/*") {
                skipBlockComment()
            } else if let hashes = literalStart() {
                scanLiteral(hashes: hashes)
            } else if bytes[position] == UInt8(ascii: "`") {
                skipRawIdentifier()
            } else {
                if bytes[position] == UInt8(ascii: "(") { depth += 1 }
                if bytes[position] == UInt8(ascii: ")") {
                    depth -= 1
                    if untilParenthesis, depth < 0 { return }
                }
                advance(keeping: true)
            }
        }
    }

    private func starts(_ text: StaticString, at offset: Int = 0) -> Bool {
        let wanted = Array("\(text)".utf8)
        let start = position + offset
        return start + wanted.count <= bytes.count
            && bytes[start..<start + wanted.count].elementsEqual(wanted)
    }

    private mutating func advance(keeping: Bool) {
        let byte = bytes[position]
        if byte == UInt8(ascii: "\n") {
            line += 1
            code.append(byte)
        } else {
            code.append(keeping ? byte : UInt8(ascii: " "))
        }
        position += 1
    }

    private mutating func skip(count: Int) {
        for _ in 0..<count where position < bytes.count {
            advance(keeping: false)
        }
    }

    private mutating func skip(until isEnd: (Self) -> Bool) {
        while position < bytes.count, !isEnd(self) {
            advance(keeping: false)
        }
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if starts("/*") {
                depth += 1
                skip(count: 2)
            } else if starts("*/") {
                depth -= 1
                skip(count: 2)
            } else {
                skip(count: 1)
            }
        } while depth > 0 && position < bytes.count
    }

    private mutating func skipRawIdentifier() {
        skip(count: 1)
        skip { $0.bytes[$0.position] == UInt8(ascii: "`") || $0.bytes[$0.position] == 10 }
        // Something has to stand where the name stood: a function needs a name.
        if position < bytes.count {
            code[code.count - 1] = UInt8(ascii: "_")
            skip(count: bytes[position] == UInt8(ascii: "`") ? 1 : 0)
        }
    }

    /// The number of hashes before the quote that a literal starts with; nil when none starts.
    private func literalStart() -> Int? {
        var hashes = 0
        while position + hashes < bytes.count, bytes[position + hashes] == UInt8(ascii: "#") {
            hashes += 1
        }
        let quote = position + hashes
        return quote < bytes.count && bytes[quote] == UInt8(ascii: "\"") ? hashes : nil
    }

    private mutating func scanLiteral(hashes: Int) {
        var literal = SourceText.Literal(line: line, text: "")
        var text: [UInt8] = []
        let marks = [UInt8](repeating: UInt8(ascii: "#"), count: hashes)
        let isLong = starts("\"\"\"", at: hashes)
        let quotes = [UInt8](repeating: UInt8(ascii: "\""), count: isLong ? 3 : 1)
        skip(count: hashes + quotes.count)
        let end = quotes + marks
        let escape = [UInt8(ascii: "\\")] + marks
        while position < bytes.count {
            if bytes[position...].starts(with: end) {
                skip(count: end.count)
                break
            }
            if bytes[position...].starts(with: escape) {
                skip(count: escape.count)
                if position < bytes.count, bytes[position] == UInt8(ascii: "(") {
                    skip(count: 1)
                    scanCode(untilParenthesis: true)
                }
                skip(count: 1)
                continue
            }
            if !isLong, bytes[position] == UInt8(ascii: "\n") { break }
            text.append(bytes[position])
            skip(count: 1)
        }
        literal.text = String(decoding: text, as: UTF8.self)
        literals.append(literal)
    }
}
