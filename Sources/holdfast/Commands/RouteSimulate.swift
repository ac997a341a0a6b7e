// `holdfast route simulate`: decisions, or carts of a file, under other rules.

internal import ArgumentParser
internal import Foundation
internal import Messages

/// Plays decisions under other rules.
struct RouteSimulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "What if: plays decisions or carts under other rules; changes nothing.",
        discussion: """
            Decisions are played on the network and the figures that they were made on. Carts of a \
            file are planned on what is free now, by the rules of their channels and by these. The \
            file has a heading and one row for each line of a cart: order, sku, quantity, country, \
            and if wanted postal_code and channel.

            EXAMPLES
              holdfast route simulate --rules rules.json --last 10000 --html what-if.html
              holdfast route simulate --rules rules.json \\
                --decisions 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast route simulate --rule-set web@3 --orders orders.csv --json
            """,
    )

    @Option(help: ArgumentHelp("A document of rules, which is not stored.", valueName: "file"))
    var rules: String?
    @Option(help: ArgumentHelp("A rule set that is stored.", valueName: "name[@version]"))
    var ruleSet: RuleSetArgument?
    @Option(help: ArgumentHelp("The latest decisions. (default: 1000)", valueName: "count"))
    var last: Int32?
    @Option(parsing: .upToNextOption, help: ArgumentHelp("These decisions.", valueName: "id"))
    var decisions: [String] = []
    @Option(help: ArgumentHelp("Carts of a file.", valueName: "file"))
    var orders: String?
    @Option(help: "Only decisions of this channel.")
    var channel = ""
    @Option(help: "Differences that are shown one by one, up to 10000.")
    var differences: Int32 = 20
    @Option(help: ArgumentHelp("Write a page with plots.", valueName: "file"))
    var html: String?
    @OptionGroup var call: CallOptions

    func validate() throws {
        if (rules == nil) == (ruleSet == nil) {
            throw ValidationError("either --rules or --rule-set says which rules are tried")
        }
        let sources = [last != nil, !decisions.isEmpty, orders != nil].count { $0 }
        if sources > 1 {
            throw ValidationError("--last, --decisions and --orders exclude each other")
        }
        guard (1...10_000).contains(differences) else {
            throw ValidationError("--differences takes 1 to 10000")
        }
    }

    func run() async throws {
        var request = Holdfast_V1_SimulateRoutesRequest()
        if let rules {
            request.document = try text(of: rules)
        } else if let ruleSet {
            request.ruleSet = ruleSet.ruleSet
        }
        if let orders {
            request.carts.carts = try CartFile.carts(try text(of: orders), channel: channel)
        } else if !decisions.isEmpty {
            request.decisions.ids = decisions
        } else {
            request.last = last ?? 1_000
            request.channel = channel
        }
        request.differencesMax = differences
        let wanted = request
        var whole = Holdfast_V1_SimulateRoutesResponse()
        var progress: Progress?
        try await ServerCalls.with(call) { server in
            try await server.answers(
                .routing,
                "SimulateRoutes",
                wanted
            ) { (part: Holdfast_V1_SimulateRoutesResponse) in
                whole.differences += part.differences
                whole.done = part.done
                whole.total = part.total
                if progress == nil {
                    progress = Progress("simulating", total: Int(part.total))
                }
                progress?.update(Int(part.done))
                if part.hasSummary { whole.summary = part.summary }
                return !part.hasSummary
            }
        }
        progress?.finish(Int(whole.done))
        guard whole.hasSummary else {
            throw CommandError(.unreachable, "the simulation broke off")
        }
        if let html {
            do {
                try Data(simulationPage(whole).utf8).write(to: URL(fileURLWithPath: html))
            } catch {
                throw CommandError(.failed, "\(html) cannot be written: \(error)")
            }
        }
        try printAnswer(whole, isJSON: call.json) { simulationText(whole) }
    }

    private func text(of path: String) throws -> String {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw CommandError(.invalid, "\(path) cannot be read: \(error.localizedDescription)")
        }
    }
}
