// `holdfast work`: what a node has to do.

internal import ArgumentParser
internal import Messages

/// Lists a node's work.
struct Work: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "work",
        abstract: "Lists the shipments that a node has to work on, the oldest promise first.",
        discussion: """
            EXAMPLES
              holdfast work LDN-DC
              holdfast work LDN-DC --status new --status scheduled
              holdfast work LDN-DC --all --json
            """,
    )

    @Argument(help: "The node.")
    var node: String
    @Option(help: "Only shipments in this state; may be repeated. (default: all with work left)")
    var status: [CaseArgument<Holdfast_V1_FulfilmentStatus>] = []
    @Option(help: "How many, 1 to 500.")
    var rows = 50
    @Flag(help: "List every shipment.")
    var all = false
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (1...500).contains(rows) else { throw ValidationError("--rows takes 1 to 500") }
    }

    func run() async throws {
        var request = Holdfast_V1_ListWorkRequest()
        request.node = node
        request.statuses = status.map(\.value)
        request.pageSize = all ? 500 : Int32(rows)
        let answer = try await ServerCalls.with(call) { [request, all] server in
            var request = request
            var answer = Holdfast_V1_ListWorkResponse()
            repeat {
                request.pageToken = answer.nextPageToken
                let page: Holdfast_V1_ListWorkResponse =
                    try await server.call(.fulfilment, "ListWork", request)
                answer.shipments += page.shipments
                answer.nextPageToken = page.nextPageToken
            } while all && !answer.nextPageToken.isEmpty
            return answer
        }
        try printAnswer(answer, isJSON: call.json) { shipmentsText(answer.shipments) }
        if !answer.nextPageToken.isEmpty { Terminal.note("there are more shipments: --all\n") }
    }
}
