// `holdfast order place`: an order, from a reservation or by reserving in the same call.

internal import ArgumentParser
internal import Messages

/// Places an order.
struct OrderPlace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "place",
        abstract: "Places an order, from a reservation or from what is available.",
        discussion: """
            A line's price is that of one unit, in the currency: 2.55 for GBP, 300 for JPY. With \
            --reservation the lines must sum up to what it holds and what was confirmed.

            EXAMPLES
              holdfast order place 85123A@LDN-DC=2:2.55 84077@LDN-DC=1:3.39 \\
                --channel web --external-id W-1001 --currency GBP
              holdfast order place 85123A@LDN-DC=2:2.55 --channel web \\
                --external-id W-1002 --currency GBP \\
                --reservation 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
            """,
    )

    @Argument(help: ArgumentHelp("Lines, 1 to 500.", valueName: "sku@node=qty:price"))
    var lines: [LineArgument]
    @Option(help: "Through which channel.")
    var channel: String
    @Option(help: "The channel's own number for it; unique within the channel.")
    var externalId: String
    @Option(help: "ISO 4217, such as GBP.")
    var currency: String
    @Option(help: "The customer, as the channel names it.")
    var customer = ""
    @Option(help: "The reservation to place it from.")
    var reservation = ""
    @Option(help: "When the customer placed it, such as 2026-11-23T07:49:46Z.")
    var placedAt: MomentArgument?
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func validate() throws { _ = try wireLines() }

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_PlaceOrderRequest()
        request.idempotencyKey = key
        request.channel = channel
        request.externalID = externalId
        request.customer = customer
        request.currency = currency
        request.reservationID = reservation
        request.lines = try wireLines()
        if let placedAt { request.placedAt = wireMoment(placedAt) }
        let answer: Holdfast_V1_Order = try await ServerCalls.with(call) { server in
            try await server.call(.orders, "PlaceOrder", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { orderText(answer) }
    }

    private func wireLines() throws -> [Holdfast_V1_PlaceOrderLine] {
        guard let money = Currency(currency) else {
            throw ValidationError("--currency is \"\(currency)\", expected three capital letters")
        }
        return try lines.map { line in
            let name = "\(line.sku)@\(line.node)=\(line.quantity)"
            guard let text = line.price else {
                throw ValidationError("\(name) has no price: \(name):PRICE")
            }
            guard let price = money.parse(text) else {
                throw ValidationError(
                    "\(name): \"\(text)\" is no price in \(currency), "
                        + "which has \(money.exponent) digits after the point"
                )
            }
            var wire = Holdfast_V1_PlaceOrderLine()
            wire.sku = line.sku
            wire.node = line.node
            wire.quantity = line.quantity
            wire.unitPriceMinor = price
            return wire
        }
    }
}
