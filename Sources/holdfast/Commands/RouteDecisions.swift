// `holdfast route decisions` and `holdfast route show`: what was decided, and why.

internal import ArgumentParser
internal import Messages

/// Lists decisions.
struct RouteDecisions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decisions",
        abstract: "Lists decisions, the latest first.",
        discussion: """
            EXAMPLES
              holdfast route decisions
              holdfast route decisions --channel web --reserved --limit 200 --json
            """,
    )

    @Option(help: "Only of this channel.")
    var channel = ""
    @Flag(help: "Only those that reservations were made by.")
    var reserved = false
    @Option(help: "How many.")
    var limit = 50
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (1...100_000).contains(limit) else {
            throw ValidationError("--limit takes 1 to 100000")
        }
    }

    func run() async throws {
        let answer = try await ServerCalls.with(call) { server in
            var whole = Holdfast_V1_ListDecisionsResponse()
            var request = Holdfast_V1_ListDecisionsRequest()
            request.channel = channel
            request.reservedOnly = reserved
            repeat {
                request.pageSize = Int32(min(500, limit - whole.decisions.count))
                let page: Holdfast_V1_ListDecisionsResponse =
                    try await server.call(.routing, "ListDecisions", request)
                whole.decisions += page.decisions
                request.pageToken = page.nextPageToken
                whole.nextPageToken = page.nextPageToken
            } while !request.pageToken.isEmpty && whole.decisions.count < limit
            return whole
        }
        try printAnswer(answer, isJSON: call.json) { decisionsText(answer.decisions) }
    }
}

/// Explains a decision.
struct RouteShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Explains a decision: made again from what is stored, node by node.",
        discussion: """
            The id is that of a decision, or of a reservation that was routed. Network and rules are \
            those that counted then, whatever became of them. Ends with status 8 when what comes out \
            is not what was stored.

            EXAMPLES
              holdfast route show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast route show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json
            """,
    )

    @Argument(help: "The decision, or the reservation.")
    var id: String
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_ExplainRouteRequest()
        request.decisionID = id
        let wanted = request
        let answer: Holdfast_V1_RouteExplanation = try await ServerCalls.with(call) { server in
            try await server.call(.routing, "ExplainRoute", wanted)
        }
        try printAnswer(answer, isJSON: call.json) { explanationText(answer) }
        if !answer.isSame { endProcess(CommandStatus.unsound.rawValue) }
    }
}
