// `holdfast reserve`: units held for an owner.

internal import ArgumentParser
internal import Messages

/// Holds units.
struct Reserve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Holds units for an owner, all lines or none.",
        discussion: """
            EXAMPLES
              holdfast reserve 85123A@LDN-DC=2
              holdfast reserve 85123A@LDN-DC=2 84077@LDN-DC=1 --ttl 15m --owner cart-7 \\
                --channel web
              holdfast reserve 'BANK CHARGES@LDN-DC=1' --key cart-7 --json
            """,
    )

    @Argument(help: ArgumentHelp("Lines, 1 to 500.", valueName: "sku@node=qty"))
    var lines: [LineArgument]
    @Option(help: ArgumentHelp("How long, such as 90s, 15m or 2h. (default: 15m)"))
    var ttl: DurationArgument?
    @Option(help: "Whose it is, such as a cart.")
    var owner = ""
    @Option(help: "Through which channel.")
    var channel = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func validate() throws { _ = try lines.withoutPrices() }

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ReserveRequest()
        request.idempotencyKey = key
        request.lines = lines.map(demand)
        request.owner = owner
        request.channel = channel
        if let ttl { request.ttl = wireDuration(ttl) }
        let answer: Holdfast_V1_Reservation = try await ServerCalls.with(call) { server in
            try await server.call(.reservations, "Reserve", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { reservationText(answer) }
    }
}
