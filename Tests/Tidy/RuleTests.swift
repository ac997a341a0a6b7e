// Shows that each rule finds what it forbids and leaves alone what it allows.

import Testing

/// A file that a rule must object to or must accept.
struct Sample: Sendable, CustomTestStringConvertible {
    var rule: Rule
    var path: String
    var text: String
    /// The lines that the rule is to name; empty when the file is fine.
    var lines: [Int]

    init(_ rule: Rule, _ path: String, _ text: String, lines: [Int] = []) {
        self.rule = rule
        self.path = path
        self.text = text
        self.lines = lines
    }

    /// On one line, since a report is read line by line.
    var testDescription: String {
        let start = text.prefix(30).replacing("\n", with: "|").replacing("\r", with: "")
        return "\(rule.name): \(path) \(start)"
    }
}

@Suite struct RuleTests {
    @Test(arguments: sizes + confinement + text + scripts + borders)
    func `a rule names the lines that break it and no others`(_ sample: Sample) {
        let file = SourceText(path: sample.path, text: sample.text)
        #expect(sample.rule.check(file).map(\.line) == sample.lines)
    }

    @Test func `each rule has a sample that breaks it and one that keeps it`() {
        let samples = sizes + confinement + text + scripts + borders
        for rule in Rule.all {
            let own = samples.filter { $0.rule.name == rule.name }
            #expect(own.contains { $0.lines.isEmpty }, "\(rule.name) has no good sample")
            #expect(own.contains { !$0.lines.isEmpty }, "\(rule.name) has no bad sample")
        }
    }

    @Test func `the manifest may not widen the architecture`() {
        let good = SourceText(path: "Package.swift", text: "module(\"Domain\", [\"Base\"]),")
        let bad = SourceText(
            path: "Package.swift",
            text: "\nmodule(\"Domain\", [\"Base\", \"RPC\", crypto] + nio),\nmodule(\"Odd\", []),",
        )
        #expect(manifestFindings(good).isEmpty)
        #expect(manifestFindings(bad).map(\.line) == [2, 3])
    }

    @Test func `only known names stand at the top`() {
        #expect(topLevelFindings(["Sources", "ops", ".gitignore", "Package.swift"]).isEmpty)
        #expect(topLevelFindings(["Sources", "scripts"]).map(\.path) == ["scripts"])
    }

    @Test func `code is what is left without comments, literals and raw identifiers`() {
        let source = #"""
            let a = "one // \(two("x")) {" // three
            /* four /* five */ six */ let b = ##"seven "# \n"##
            func `eight { nine`() {}
            let c = """
                ten "eleven"
                """ + d
            """#
        let file = SourceText(path: "Tests/Some.swift", text: source)
        let words = file.code.map { $0.split(separator: " ").joined(separator: " ") }
        #expect(words == ["let a = two( )", "let b =", "func _ () {}", "let c =", "", "+ d"])
        #expect(file.literals.map(\.line) == [1, 1, 2, 4])
        #expect(file.literals.map(\.text).contains("one //  {"))
        #expect(file.literals.map(\.text).contains("seven \"# \\n"))
    }

    @Test func `functions are measured from their keyword to their last brace`() {
        let code = [
            "protocol P {", "    func bare()", "    init(a: Int)", "}",
            "func one(f: () -> Void = {}) {", "    if x { y() }", "}",
            "init() { self.init(a: 1) }",
        ]
        #expect(
            functions(in: code) == [
                FunctionExtent(line: 5, length: 3), FunctionExtent(line: 8, length: 1),
            ]
        )
    }
}

private func lines(_ count: Int) -> String {
    String(repeating: "x\n", count: count)
}

private func function(of count: Int) -> String {
    "func a() {\n" + lines(count - 2) + "}\n"
}

private let sizes: [Sample] = [
    Sample(.fileLength, "Sources/Base/A.swift", lines(600)),
    Sample(.fileLength, "Sources/Base/A.swift", lines(601), lines: [600]),
    Sample(.fileLength, "ops/run", lines(601), lines: [600]),
    Sample(.fileLength, "Sources/Messages/a.pb.swift", lines(601)),
    Sample(.functionLength, "Tests/A.swift", function(of: 70)),
    Sample(.functionLength, "Tests/A.swift", "\n" + function(of: 71), lines: [2]),
    Sample(.functionLength, "Sources/Messages/a.pb.swift", function(of: 71)),
]

private let confinement: [Sample] = [
    Sample(.confinedUnsafe, "Sources/Redis/A.swift", "unsafe free(x)"),
    Sample(.confinedUnsafe, "Sources/Domain/A.swift", "let unsafely = 1 // unsafe"),
    Sample(.confinedUnsafe, "Sources/Domain/A.swift", "unsafe free(x)", lines: [1]),
    Sample(.confinedUnsafe, "Sources/RedisMore/A.swift", "unsafe free(x)", lines: [1]),
    Sample(.confinedUnsafe, "Tests/A.swift", "\nnonisolated(unsafe) var a", lines: [2]),
    Sample(.confinedUnsafe, "Sources/API/A.swift", "class A: @unchecked Sendable {}", lines: [1]),
    Sample(.namedTraps, "Sources/RPC/A.swift", "preconditionInEventLoop()\n\"assert(\""),
    Sample(.namedTraps, "Sources/Base/Invariant.swift", "fatalError(\"\")"),
    Sample(.namedTraps, "Sources/RPC/A.swift", "x\n  assert(x)\nfatalError()", lines: [2, 3]),
    Sample(.namedTraps, "loadtest/A.swift", "precondition(x)", lines: [1]),
    Sample(.statusCodes, "Sources/API/A.swift", "StatusCode.ok"),
    Sample(.statusCodes, "Tests/RPCTests/A.swift", "StatusCode.ok"),
    Sample(.statusCodes, "Sources/Gate/A.swift", "x = StatusCode.ok", lines: [1]),
    Sample(.embeddedLanguages, "Sources/Ledger/A.swift", "// SELECT a\nlet a = \"SELECTED\""),
    Sample(.embeddedLanguages, "Sources/Ledger/A.swift", "a\nlet a = \"SELECT 1\"", lines: [2]),
    Sample(.embeddedLanguages, "Sources/Gate/A.swift", "\"\"\"\nredis.call()\n\"\"\"", lines: [1]),
    Sample(.embeddedLanguages, "Tests/A.swift", "let a = \"SELECT 1\""),
]

private let text: [Sample] = [
    Sample(.leftoverMarkers, "ops/test", "mktemp -d hf-XXXXXX\nmatodos"),
    Sample(.leftoverMarkers, "ops/test", "a\n# " + "TO" + "DO: more", lines: [2]),
    Sample(.leftoverMarkers, "Sources/A.swift", "// FIX" + "ME", lines: [1]),
    Sample(.whitespace, "Sources/A.swift", "a\n\n    b\n"),
    Sample(.whitespace, "Sources/A.swift", "a \n\tb\nc\r\n", lines: [1, 2]),
    Sample(.opening, "Sources/A.swift", "// What it is for.\nimport B"),
    Sample(.opening, "Sources/A.pb.swift", "import B"),
    Sample(.opening, "Sources/A.swift", "import B", lines: [1]),
    Sample(.onlySwiftTesting, "Tests/A.swift", "import Testing"),
    Sample(.onlySwiftTesting, "Tests/A.swift", "import XCTest", lines: [1]),
]

private let scripts: [Sample] = [
    Sample(.contract, "Sources/Ledger/Scripts/a.sql", "-- Adds one hold and returns it.\nSELECT"),
    Sample(.contract, "Sources/Ledger/Scripts/a.sql", "SELECT 1", lines: [1]),
    Sample(.contract, "Sources/Gate/Scripts/a.lua", "-- Purpose: admits. KEYS[1]: hash\nKEYS[1]"),
    Sample(.contract, "Sources/Gate/Scripts/a.lua", "-- Admits the requests.\nKEYS[1]", lines: [1]),
    Sample(
        .protocolComments,
        "Protocols/holdfast/v1/a.proto",
        "syntax = \"proto3\";\nmessage A {\n  // The SKU.\n  string sku = 1;\n"
            + "  int32 b = 2;  // Units.\n  reserved 3;\n  option x = 4;\n}",
    ),
    Sample(
        .protocolComments,
        "Protocols/holdfast/v1/a.proto",
        "message A {\n  repeated B sku = 1;\n  map<string, B> c = 2 [deprecated = true];\n}",
        lines: [2, 3],
    ),
    Sample(.protocolComments, "Protocols/google/rpc/a.proto", "  string sku = 1;"),
]

private let borders: [Sample] = [
    Sample(.imports, "Sources/Domain/A.swift", "package import Base\n#if x\nimport Glibc\n#endif"),
    Sample(.imports, "Sources/RPC/A.swift", "internal import CNghttp2\nimport struct NIOCore.A"),
    Sample(.imports, "Sources/holdfast/A.swift", "import Foundation"),
    Sample(.imports, "Tests/A.swift", "import Foundation"),
    Sample(.imports, "Sources/Base/A.swift", "import Domain", lines: [1]),
    Sample(.imports, "Sources/RPC/A.swift", "\nprivate import Foundation", lines: [2]),
    Sample(.imports, "Sources/Gate/A.swift", "internal import CHiredis", lines: [1]),
    Sample(.imports, "Sources/Domain/A.swift", "@testable import struct NIOCore.A", lines: [1]),
    Sample(.imports, "Sources/Mystery/A.swift", "", lines: [1]),
]
