// `holdfast order cancel` and `ship`.

internal import ArgumentParser
internal import Messages

/// Cancels units of an order.
struct OrderCancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancels an order or some of its units; their stock is available again.",
        discussion: """
            EXAMPLES
              holdfast order cancel 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa \\
                --reason 'customer call'
              holdfast order cancel 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa 1=1 2=3
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Argument(help: ArgumentHelp("Which units; none: all allocated.", valueName: "line=qty"))
    var lines: [OrderLineArgument] = []
    @Option(help: "Why.")
    var reason = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_CancelOrderRequest()
        request.id = id
        request.idempotencyKey = key
        request.lines = lines.map(lineQuantity)
        request.reason = reason
        let answer: Holdfast_V1_Order = try await ServerCalls.with(call) { server in
            try await server.call(.orders, "CancelOrder", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { orderText(answer) }
    }
}

/// Ships units of an order.
struct OrderShip: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ship",
        abstract: "Ships allocated units: they leave the node and the stock.",
        discussion: """
            EXAMPLES
              holdfast order ship 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --tracking JD0146
              holdfast order ship 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa 1=2
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Argument(help: ArgumentHelp("Which units; none: all allocated.", valueName: "line=qty"))
    var lines: [OrderLineArgument] = []
    @Option(help: "The carrier's tracking number.")
    var tracking = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ShipOrderRequest()
        request.id = id
        request.idempotencyKey = key
        request.lines = lines.map(lineQuantity)
        request.tracking = tracking
        let answer: Holdfast_V1_Order = try await ServerCalls.with(call) { server in
            try await server.call(.orders, "ShipOrder", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { orderText(answer) }
    }
}
