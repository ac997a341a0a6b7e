// The house rules for single files. A rule is a function from a file to its findings, so that a
// table of samples can show that it bites; none of them reads the disk.

import Testing

/// A place that breaks a rule.
struct Finding: CustomStringConvertible {
    var path: String
    /// From 1.
    var line: Int
    var text: String

    var description: String { "\(path):\(line): \(text)" }
}

/// A rule of the house: a name to report and the check.
struct Rule: Sendable, CustomTestStringConvertible {
    var name: String
    var check: @Sendable (SourceText) -> [Finding]

    var testDescription: String { name }
}

extension Rule {
    /// Every rule that looks at one file at a time.
    static let all: [Rule] = [
        fileLength, functionLength, confinedUnsafe, namedTraps, leftoverMarkers, whitespace,
        opening, contract, protocolComments, statusCodes, embeddedLanguages, imports,
        onlySwiftTesting,
    ]

    static let fileLength = Rule(name: "a file has at most 600 lines") { file in
        guard file.lines.count > 600, !file.isGenerated, !file.path.hasSuffix(".csv") else {
            return []
        }
        return [file.finding(600, "the file has \(file.lines.count) lines, 600 are allowed")]
    }

    static let functionLength = Rule(name: "a function has at most 70 lines") { file in
        guard file.isSwift else { return [] }
        return functions(in: file.code).filter { $0.length > 70 }
            .map {
                file.finding($0.line, "the function has \($0.length) lines, 70 are allowed")
            }
    }

    /// Where code may step outside of what the compiler proves; Clock makes one system call.
    static let unsafePlaces = [
        "Sources/Loop", "Sources/RPC", "Sources/Redis", "Sources/Postgres",
        "Sources/Base/Clock.swift", "Tests/TestServers",
        // Peers and probes that speak to C themselves.
        "Sources/holdfast/Admin/StartPages.swift",
        "Tests/RPCTests/RawPeer.swift", "Tests/RPCTests/TimersTests.swift",
        "Tests/RPCTests/FramePeer.swift",
        "Tests/RedisTests/ReplyParserTests.swift",
    ]

    static let confinedUnsafe = Rule(name: "unsafe code stays where it is expected") { file in
        guard file.isSwift, !file.isIn(unsafePlaces) else { return [] }
        return file.code(containing: ["unsafe", "unchecked Sendable"]) {
            "'\($0)' is allowed in \(unsafePlaces.joined(separator: ", ")) only"
        }
    }

    static let namedTraps = Rule(name: "a broken invariant says so in release builds") { file in
        guard
            file.isSwift, file.isIn(["Sources", "loadtest"]),
            file.path != "Sources/Base/Invariant.swift"
        else { return [] }
        let traps = [
            "precondition", "preconditionFailure", "assert", "assertionFailure", "fatalError",
        ]
        // A member or a declaration of that name is something else.
        let calls = file.code.map { line in
            traps.flatMap { [".\($0)(", "case \($0)(", "func \($0)("] }
                .reduce(line) { $0.replacing($1, with: "") }
        }
        return file.findings(in: calls, containing: traps, before: "(") {
            "'\($0)' is silent in release builds or says too little: use invariant(_:_:)"
        }
    }

    static let leftoverMarkers = Rule(name: "nothing is left for later") { file in
        guard !file.isGenerated else { return [] }
        // Put together here, so that this file does not find itself.
        let markers = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]
        return file.findings(in: file.lines, containing: markers) { "leftover marker '\($0)'" }
    }

    static let whitespace = Rule(name: "no tabs and no blanks at the end of a line") { file in
        guard !file.isGenerated else { return [] }
        return file.lines.enumerated()
            .flatMap { index, line in
                var findings: [Finding] = []
                if line.contains("\t") { findings.append(file.finding(index + 1, "a tab")) }
                if line.last == " " || line.last == "\r" {
                    findings.append(file.finding(index + 1, "a blank at the end of the line"))
                }
                return findings
            }
    }

    static let opening = Rule(name: "a Swift file opens with what it is for") { file in
        guard file.isSwift, file.lines.first?.hasPrefix("//") != true else { return [] }
        return [file.finding(1, "the file does not open with a comment that says what it is for")]
    }

    static let contract = Rule(name: "a script opens with its contract") { file in
        guard file.path.hasSuffix(".lua") || file.path.hasSuffix(".sql") else { return [] }
        let comment = file.lines.prefix { $0.hasPrefix("--") }
        guard comment.joined().count > 20 else {
            return [
                file.finding(1, "the file does not open with a comment that states its contract")
            ]
        }
        // A script that takes keys or arguments must say which; the comment is all a caller sees.
        return ["KEYS", "ARGV"]
            .filter { name in
                file.path.hasSuffix(".lua") && !comment.contains { $0.contains(name) }
                    && file.lines.dropFirst(comment.count).contains { $0.contains(name + "[") }
            }
            .map { file.finding(1, "the opening comment does not explain \($0)") }
    }

    static let protocolComments = Rule(name: "every field of a message is explained") { file in
        guard file.path.hasSuffix(".proto"), file.isIn(["Protocols/holdfast"]) else { return [] }
        let field = #/^\s*(?:optional |repeated )?(?:map<.*>|[A-Za-z_.][\w.]*) +\w+ *= *\d+ *[\[;]/#
        return file.lines.indices
            .filter { index in
                let line = file.lines[index]
                let words = line.split(separator: " ")
                guard words.first != "option", line.firstMatch(of: field) != nil else {
                    return false
                }
                let before = index > 0 ? file.lines[index - 1].trimmedStart : ""
                return !line.contains("//") && !before.hasPrefix("//")
            }
            .map { file.finding($0 + 1, "the field has no comment") }
    }

    static let statusCodes = Rule(name: "gRPC codes stay at the edge") { file in
        let edge = ["Sources/API", "Sources/RPC", "Sources/holdfast", "Sources/Messages"]
        guard file.isSwift, file.isIn(["Sources"]), !file.isIn(edge) else { return [] }
        return file.code(containing: ["StatusCode", "RPCStatus"]) {
            "'\($0)' is for API, RPC and the executables; below, a refusal is a value"
        }
    }

    static let embeddedLanguages = Rule(name: "SQL and Lua are files") { file in
        guard file.isSwift, file.isIn(["Sources", "loadtest"]) else { return [] }
        let marks = ["SELECT ", "INSERT INTO", "DELETE FROM", "redis.call"]
        return file.literals.compactMap { literal in
            marks.first { literal.text.contains($0) }
                .map {
                    file.finding(
                        literal.line,
                        "a literal with '\($0)': put it into the script folder"
                    )
                }
        }
    }

    static let onlySwiftTesting = Rule(name: "tests use Swift Testing") { file in
        guard file.isSwift else { return [] }
        return file.code(containing: ["XCTest"]) { "ops/test runs no '\($0)' tests" }
    }
}

extension SourceText {
    func finding(_ line: Int, _ text: String) -> Finding {
        Finding(path: path, line: line, text: text)
    }

    /// One finding for each line of code that contains one of the words as a whole word.
    func code(
        containing words: [String],
        before next: Character? = nil,
        _ text: (String) -> String,
    ) -> [Finding] {
        findings(in: code, containing: words, before: next, text)
    }

    func findings(
        in lines: [String],
        containing words: [String],
        before next: Character? = nil,
        _ text: (String) -> String,
    ) -> [Finding] {
        lines.enumerated()
            .flatMap { index, line in
                words.filter { line.containsWord($0, before: next) }
                    .map { finding(index + 1, text($0)) }
            }
    }
}

extension String {
    /// Whether the word occurs with no letter, digit or underscore around it.
    func containsWord(_ word: String, before next: Character? = nil) -> Bool {
        var rest = self[...]
        while let range = rest.firstRange(of: word) {
            let isStart =
                range.lowerBound == startIndex || !self[index(before: range.lowerBound)].isWordPart
            let following = range.upperBound == endIndex ? nil : self[range.upperBound]
            let isEnd = following?.isWordPart != true && (next == nil || following == next)
            if isStart, isEnd { return true }
            rest = rest[range.upperBound...]
        }
        return false
    }

    var trimmedStart: Substring { drop { $0 == " " } }
}

extension Character {
    var isWordPart: Bool { isLetter || isNumber || self == "_" }
}
