// `holdfast order list`: orders, newest first.

internal import ArgumentParser
internal import Messages

/// Lists orders.
struct OrderList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists orders, newest first.",
        discussion: """
            EXAMPLES
              holdfast order list
              holdfast order list --status partially-shipped --channel web
              holdfast order list --from 2026-11-01 --before 2026-12-01 --all --json
            """,
    )

    @Option(help: "Only orders in this status.")
    var status: CaseArgument<Holdfast_V1_OrderStatus>?
    @Option(help: "Only this channel.")
    var channel = ""
    @Option(help: "Only orders created at or after then.")
    var from: MomentArgument?
    @Option(help: "Only orders created before then.")
    var before: MomentArgument?
    @Option(help: "How many, 1 to 500.")
    var rows = 50
    @Flag(help: "List every order.")
    var all = false
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (1...500).contains(rows) else { throw ValidationError("--rows takes 1 to 500") }
    }

    func run() async throws {
        var request = Holdfast_V1_ListOrdersRequest()
        if let status { request.status = status.value }
        request.channel = channel
        if let from { request.createdFrom = wireMoment(from) }
        if let before { request.createdBefore = wireMoment(before) }
        request.pageSize = all ? 500 : Int32(rows)
        let answer = try await ServerCalls.with(call) { [request] server in
            var request = request
            var answer = Holdfast_V1_ListOrdersResponse()
            repeat {
                request.pageToken = answer.nextPageToken
                let page: Holdfast_V1_ListOrdersResponse =
                    try await server.call(.orders, "ListOrders", request)
                answer.orders += page.orders
                answer.nextPageToken = page.nextPageToken
            } while all && !answer.nextPageToken.isEmpty
            return answer
        }
        try printAnswer(answer, isJSON: call.json) { ordersText(answer.orders) }
        if !answer.nextPageToken.isEmpty { Terminal.note("there are more orders: --all\n") }
    }
}
