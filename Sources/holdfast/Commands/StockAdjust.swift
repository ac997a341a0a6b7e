// `holdfast stock adjust`: corrections of units on hand.

internal import ArgumentParser
internal import Messages

/// Corrects units on hand.
struct StockAdjust: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "adjust",
        abstract: "Corrects units on hand, up or down, all lines or none.",
        discussion: """
            The number is the change, not the new figure; units that are promised stay.

            EXAMPLES
              holdfast stock adjust 85123A@LDN-DC=-3 --reason damage
              holdfast stock adjust 85123A@LDN-DC=7 84077@LDN-DC=-1 --reason count \\
                --reference 'count sheet 12'
            """,
    )

    @Argument(help: ArgumentHelp("Lines, 1 to 500.", valueName: "sku@node=change"))
    var lines: [LineArgument]
    @Option(help: "Why.")
    var reason: CaseArgument<Holdfast_V1_AdjustReason>
    @Option(help: "What it belongs to, such as a count sheet; required for other.")
    var reference = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func validate() throws { _ = try lines.withoutPrices() }

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_AdjustRequest()
        request.idempotencyKey = key
        request.reason = reason.value
        request.reference = reference
        request.lines = lines.map { line in
            var wire = Holdfast_V1_AdjustLine()
            wire.sku = line.sku
            wire.node = line.node
            wire.delta = line.quantity
            return wire
        }
        let answer: Holdfast_V1_StockAnswer = try await ServerCalls.with(call) { server in
            try await server.call(.inventory, "Adjust", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { positionsText(answer.positions) }
    }
}
