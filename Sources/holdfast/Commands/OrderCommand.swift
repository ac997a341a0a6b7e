// `holdfast order`: from placing to shipping or cancelling.

internal import ArgumentParser
internal import Messages

/// The commands about orders.
struct OrderCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "order",
        abstract: "Places, shows, cancels, ships and lists orders.",
        discussion: """
            EXAMPLES
              holdfast order place 85123A@LDN-DC=2:2.55 --channel web \\
                --external-id W-1001 --currency GBP
              holdfast order show --channel web --external-id W-1001
              holdfast order list --status confirmed --channel web
            """,
        subcommands: [
            OrderPlace.self, OrderShow.self, OrderCancel.self, OrderShip.self, OrderList.self,
        ],
    )
}

/// Shows an order.
struct OrderShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows an order with its lines and history.",
        discussion: """
            EXAMPLES
              holdfast order show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast order show --channel web --external-id W-1001
              holdfast order show --key W-1001 --json
            """,
    )

    @Argument(help: "Its id.")
    var id: String?
    @Option(help: "The key that it was placed with.")
    var key: String?
    @Option(help: "The channel; with --external-id.")
    var channel: String?
    @Option(help: "The channel's own number for it.")
    var externalId: String?
    @OptionGroup var call: CallOptions

    func validate() throws {
        let isExternal = channel != nil && externalId != nil
        let isHalfExternal = (channel == nil) != (externalId == nil)
        let ways = [id != nil, key != nil, isExternal].count { $0 }
        guard ways == 1, !isHalfExternal else {
            throw ValidationError("give an id, --key, or --channel with --external-id")
        }
    }

    func run() async throws {
        var request = Holdfast_V1_GetOrderRequest()
        if let id { request.id = id }
        if let key { request.idempotencyKey = key }
        if let channel, let externalId {
            request.external.channel = channel
            request.external.externalID = externalId
        }
        let answer: Holdfast_V1_Order = try await ServerCalls.with(call) { server in
            try await server.call(.orders, "GetOrder", request)
        }
        try printAnswer(answer, isJSON: call.json) { orderText(answer) }
    }
}
