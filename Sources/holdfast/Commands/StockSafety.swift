// `holdfast stock safety`: units that are withheld.

internal import ArgumentParser
internal import Messages

/// Sets the units that are withheld.
struct StockSafety: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "safety",
        abstract: "Sets how many units are withheld, from every channel or from one.",
        discussion: """
            Holds that were given stay valid.

            EXAMPLES
              holdfast stock safety 85123A@LDN-DC=5
              holdfast stock safety 85123A@LDN-DC=20 --channel marketplace
            """,
    )

    @Argument(help: ArgumentHelp("The position and its units.", valueName: "sku@node=qty"))
    var line: LineArgument
    @Option(help: "Withhold from this channel only.")
    var channel = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func validate() throws { _ = try [line].withoutPrices() }

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_SetSafetyStockRequest()
        request.idempotencyKey = key
        request.sku = line.sku
        request.node = line.node
        request.quantity = line.quantity
        request.channel = channel
        let answer: Holdfast_V1_StockAnswer = try await ServerCalls.with(call) { server in
            try await server.call(.inventory, "SetSafetyStock", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { positionsText(answer.positions) }
    }
}
