// The house rules, held against the whole tree. Each rule is shown to bite in RuleTests.swift.

import Testing

@Suite struct TidyTests {
    /// Read once: a suite is made anew for every case.
    private static let shared = Result { try Tree() }
    let tree: Tree

    init() throws {
        tree = try Self.shared.get()
    }

    @Test(arguments: Rule.all)
    func `every file keeps the rule`(_ rule: Rule) {
        let findings = tree.files.flatMap(rule.check)
        #expect(findings.isEmpty, "\(rule.name):\n\(findings.report)")
    }

    @Test func `the manifest gives no module more than the architecture does`() throws {
        let manifest = try #require(tree.files.first { $0.path == "Package.swift" })
        let findings = manifestFindings(manifest)
        #expect(findings.isEmpty, "\(findings.report)")
    }

    @Test func `nothing stands at the top that does not belong there`() {
        let findings = topLevelFindings(tree.top)
        #expect(findings.isEmpty, "\(findings.report)")
    }

    @Test func `the tree is found`() {
        #expect(tree.files.contains { $0.path == "Tests/Tidy/TidyTests.swift" })
        #expect(tree.files.contains { $0.path == "Sources/Base/Invariant.swift" })
        #expect(tree.files.contains { $0.path == "ops/test" })
    }
}

extension [Finding] {
    fileprivate var report: String { map(\.description).joined(separator: "\n") }
}
