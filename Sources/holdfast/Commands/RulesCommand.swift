// `holdfast rules`: how channels want their orders routed.

internal import ArgumentParser
internal import Messages
internal import SwiftProtobuf

/// The commands about rule sets.
struct RulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "Puts, shows and checks rule sets, and says which channel uses which.",
        discussion: """
            A rule set is a JSON document: name, rules that a plan must keep to, and goals with \
            their weights. Putting another document makes the next version; no version is edited.

            EXAMPLES
              holdfast rules check web.json
              holdfast rules put web.json
              holdfast rules assign web web --version 3
            """,
        subcommands: [
            RulesPut.self, RulesShow.self, RulesList.self, RulesCheck.self, RulesAssign.self,
            RulesHistory.self,
        ],
    )
}

/// Puts a version.
struct RulesPut: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Puts the next version of the rule set that a file defines.",
        discussion: """
            Channels that use the rule set without a fixed version use it from now on. The same \
            document again makes no version.

            EXAMPLES
              holdfast rules put web.json
              holdfast rules put web.json --note 'no splits before Christmas' --json
            """,
    )

    @Argument(help: "The file, JSON.", completion: .file(extensions: ["json"]))
    var file: String
    @Option(help: "Why, for the history.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_PutRuleSetRequest()
        request.idempotencyKey = key
        request.file = try documentFile(file)
        request.note = note
        let answer: Holdfast_V1_PutRuleSetResponse =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.rules, "PutRuleSet", request, key: key)
            }
        try printAnswer(answer, isJSON: call.json, key: key) {
            answer.warnings.map { "warning: \(faultText($0))\n" }.joined()
                + "\(printable(answer.name)) \(answer.isChanged ? "has now" : "has already") "
                + "version \(answer.version)\n"
        }
    }
}

/// Shows a version.
struct RulesShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Prints the document of a rule set.",
        discussion: """
            EXAMPLES
              holdfast rules show web
              holdfast rules show web --version 2 --json
              holdfast rules show standard
            """,
    )

    @Argument(help: "Its name.")
    var name: String
    @Option(help: "The version. (default: the latest)")
    var version: Int32 = 0
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_GetRuleSetRequest()
        request.name = name
        request.version = version
        let answer: Holdfast_V1_RuleSet = try await ServerCalls.with(call) { [request] server in
            try await server.call(.rules, "GetRuleSet", request)
        }
        try printAnswer(answer, isJSON: call.json) { indentedJSON(answer.document) }
    }
}

/// Lists rule sets.
struct RulesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists rule sets with the channels that use them.",
        discussion: """
            EXAMPLES
              holdfast rules list
              holdfast rules list --json
            """,
    )

    @OptionGroup var call: CallOptions

    func run() async throws {
        let answer: Holdfast_V1_ListRuleSetsResponse = try await ServerCalls.with(call) { server in
            try await server.call(.rules, "ListRuleSets", Holdfast_V1_ListRuleSetsRequest())
        }
        try printAnswer(answer, isJSON: call.json) { ruleSetsText(answer.ruleSets) }
    }
}

/// Checks a file.
struct RulesCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Says what is wrong with a rule set, and changes nothing.",
        discussion: """
            It is held against the network of the server: a rule about a node that is not there \
            is a warning, since the node may come.

            EXAMPLES
              holdfast rules check web.json
              holdfast rules check web.json --json
            """,
    )

    @Argument(help: "The file, JSON.", completion: .file(extensions: ["json"]))
    var file: String
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_ValidateRuleSetRequest()
        request.file = try documentFile(file)
        let answer: Holdfast_V1_ValidateRuleSetResponse =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.rules, "ValidateRuleSet", request)
            }
        try refuse(answer.faults)
        try printAnswer(answer, isJSON: call.json) {
            answer.faults.map { "warning: \(faultText($0))\n" }.joined() + "nothing is wrong\n"
        }
    }
}

/// Chooses for a channel.
struct RulesAssign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "assign",
        abstract: "Lets a channel use a rule set.",
        discussion: """
            Without --version it follows the latest version. The rule set `standard` is what \
            channels use that chose none.

            EXAMPLES
              holdfast rules assign web web
              holdfast rules assign web web --version 3
              holdfast rules assign web standard --note 'back to normal'
            """,
    )

    @Argument(help: "The channel.")
    var channel: String
    @Argument(help: "The rule set.")
    var name: String
    @Option(help: "The version. (default: always the latest)")
    var version: Int32 = 0
    @Option(help: "Why, for the history.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_AssignRuleSetRequest()
        request.idempotencyKey = key
        request.channel = channel
        request.name = name
        request.version = version
        request.note = note
        let answer: Holdfast_V1_AssignRuleSetResponse =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.rules, "AssignRuleSet", request, key: key)
            }
        try printAnswer(answer, isJSON: call.json, key: key) {
            let which = version == 0 ? "always the latest version" : "version \(version)"
            return "\(printable(channel)) \(answer.isChanged ? "uses now" : "used already") "
                + "\(printable(name)), \(which)\n"
        }
    }
}

/// Shows what changed.
struct RulesHistory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Shows what was put and who chose what, newest first.",
        discussion: """
            EXAMPLES
              holdfast rules history
              holdfast rules history --rows 10 --json
            """,
    )

    @Option(help: "How many, 1 to 500.")
    var rows: Int32 = 50
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_ListRuleChangesRequest()
        request.pageSize = rows
        let answer: Holdfast_V1_ListRuleChangesResponse =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.rules, "ListRuleChanges", request)
            }
        try printAnswer(answer, isJSON: call.json) { ruleChangesText(answer.changes) }
        if !answer.nextPageToken.isEmpty { Terminal.note("there are more changes: --rows\n") }
    }
}
