// `holdfast stock receive`: units that have arrived.

internal import ArgumentParser
internal import Messages

/// Adds units that have arrived.
struct StockReceive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receive",
        abstract: "Adds units that have arrived, all lines or none.",
        discussion: """
            The first receipt of a SKU at a node creates the position.

            EXAMPLES
              holdfast stock receive 85123A@LDN-DC=120
              holdfast stock receive 85123A@LDN-DC=120 84077@LDN-DC=40 --reference DN-1042
              holdfast stock receive 85123A@LDN-DC=120 --key DN-1042 --json
            """,
    )

    @Argument(help: ArgumentHelp("Lines, 1 to 500.", valueName: "sku@node=qty"))
    var lines: [LineArgument]
    @Option(help: "What it belongs to, such as a delivery note.")
    var reference = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func validate() throws { _ = try lines.withoutPrices() }

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ReceiveRequest()
        request.idempotencyKey = key
        request.reference = reference
        request.lines = lines.map { line in
            var wire = Holdfast_V1_StockLine()
            wire.sku = line.sku
            wire.node = line.node
            wire.quantity = line.quantity
            return wire
        }
        let answer: Holdfast_V1_StockAnswer = try await ServerCalls.with(call) { server in
            try await server.call(.inventory, "Receive", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { positionsText(answer.positions) }
    }
}
