// Who may import whom: the table of Sources/README.md in a form that a test can hold the code and
// the manifest against. Change it only together with that table.

/// What a module may import besides the system modules.
struct Imports {
    /// Modules of ours, C libraries included.
    var ours: Set<String>
    /// Modules of other packages, and Foundation.
    var others: Set<String> = []
}

/// Part of every toolchain and harmless anywhere.
let systemModules: Set<String> = ["Glibc", "Musl", "Darwin", "Synchronization"]

private let nio: Set<String> = ["NIOCore", "NIOPosix", "DequeModule"]

/// One row per folder under Sources; the executables may import anything.
let architecture: [String: Imports] = [
    "Base": Imports(ours: []),
    "Loop": Imports(ours: ["Base"], others: nio),
    "Domain": Imports(ours: ["Base"]),
    "Routing": Imports(ours: ["Base", "Domain"]),
    "Promising": Imports(ours: ["Base", "Domain", "Routing"], others: ["Crypto"]),
    "Messages": Imports(ours: [], others: ["SwiftProtobuf", "Foundation"]),
    "RPC": Imports(
        ours: ["Base", "Loop", "CNghttp2", "CZlib"],
        others: nio.union(["SwiftProtobuf", "Logging", "NIOSSL", "NIOTLS"]),
    ),
    "Redis": Imports(ours: ["Base", "Loop", "CHiredis"], others: nio),
    "Postgres": Imports(ours: ["Base", "CLibpq"], others: ["DequeModule"]),
    "Gate": Imports(
        ours: ["Base", "Loop", "Domain", "Promising", "Redis"],
        others: nio.union(["Crypto", "Logging"]),
    ),
    "Ledger": Imports(
        ours: ["Base", "Loop", "Domain", "Promising", "Postgres"],
        others: nio.union(["Crypto", "Logging"]),
    ),
    "API": Imports(
        ours: ["Base", "Domain", "Loop", "Promising", "Routing", "RPC", "Messages"],
        others: nio.union(["SwiftProtobuf", "Logging", "Crypto"]),
    ),
    "Workers": Imports(
        ours: ["Base", "Loop", "Domain", "Promising"],
        others: nio.union(["Logging"]),
    ),
    "Telemetry": Imports(ours: ["Base"], others: ["Logging", "Foundation"]),
    "CNghttp2": Imports(ours: []),
    "CHiredis": Imports(ours: []),
    "CLibpq": Imports(ours: []),
    "CZlib": Imports(ours: []),
]

let executables: Set<String> = ["holdfast"]

/// What may stand at the top of the project, dot files aside.
let topLevel: Set<String> = [
    "Package.swift", "Sources", "Protocols", "Tests", "loadtest", "ops", "README.md",
]

extension Rule {
    static let imports = Rule(name: "a module imports what the architecture allows") { file in
        guard file.path.hasSuffix(".swift"), let module = file.module else { return [] }
        guard !executables.contains(module) else { return [] }
        guard let allowed = architecture[module] else {
            return [file.finding(1, "module \(module) is not in the table of Architecture.swift")]
        }
        // Generated code reaches for Foundation by itself.
        let extra: Set<String> = file.isGenerated ? ["Foundation", "FoundationEssentials"] : []
        let names = allowed.ours.union(allowed.others).union(systemModules).union(extra)
        return importedModules(in: file.code)
            .filter { !names.contains($0.name) }
            .map { file.finding($0.line, "\(module) may not import \($0.name)") }
    }
}

/// The modules that Swift code imports, with the line of each (from 1).
func importedModules(in code: [String]) -> [(name: String, line: Int)] {
    let kinds: Set<Substring> = [
        "struct", "class", "enum", "protocol", "func", "let", "var", "typealias", "actor",
    ]
    let access: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
    return code.enumerated()
        .compactMap { index, line in
            var words = line.split(separator: " ")[...]
            words = words.drop { $0.hasPrefix("@") || access.contains($0) }
            guard words.popFirst() == "import" else { return nil }
            words = words.drop { kinds.contains($0) }
            return words.first.map { (String($0.prefix { $0 != "." && $0 != ";" }), index + 1) }
        }
}

/// Where the manifest gives a module more than the table does.
///
/// Reads calls of the form `module("Name", ["A", "B", other] + more)`; names without quotes are
/// products of other packages, which the compiler's own check of imports looks after.
func manifestFindings(_ manifest: SourceText) -> [Finding] {
    let text = manifest.lines.joined(separator: "\n")
    let call = #/module\(\s*"(\w+)",\s*\[([^\]]*)\]/#
    return text.matches(of: call)
        .flatMap { match -> [Finding] in
            let module = String(match.1)
            let line = text[..<match.range.lowerBound].count { $0 == "\n" } + 1
            guard let allowed = architecture[module] else {
                return [
                    manifest.finding(line, "\(module) is not in the table of Architecture.swift")
                ]
            }
            return match.2.matches(of: #/"(\w+)"/#)
                .map { String($0.1) }
                .filter { !allowed.ours.contains($0) }
                .map { manifest.finding(line, "\(module) may not depend on \($0)") }
        }
}

/// Names at the top of the project that do not belong there.
func topLevelFindings(_ names: [String]) -> [Finding] {
    names.filter { !$0.hasPrefix(".") && !topLevel.contains($0) }
        .map {
            Finding(
                path: $0,
                line: 1,
                text: "only \(topLevel.sorted().joined(separator: ", ")) and dot"
                    + " files belong at the top"
            )
        }
}
