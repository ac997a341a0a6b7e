// `holdfast drift explain`: the rows and versions that lead to a position's figures.

internal import ArgumentParser
internal import Messages

/// Explains one position.
struct DriftExplain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Explains the figures of one position: view, ledger rows, earlier findings.",
        discussion: """
            The ledger rows are those around the place where the sums part, if that is known, else \
            the latest. IN VIEW says whether the view has a row's version. --json has every \
            reservation behind a row that sums several. Ends with status 7 when something is wrong.

            EXAMPLES
              holdfast drift explain 85123A@LDN-DC
              holdfast drift explain 85123A@LDN-DC --rows 200
              holdfast drift explain 85123A@LDN-DC --json
            """,
    )

    @Argument(help: ArgumentHelp("The position.", valueName: "sku@node"))
    var position: PositionArgument
    @Option(help: "How many ledger rows, 1 to 1000.")
    var rows = 20
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (1...1_000).contains(rows) else { throw ValidationError("--rows takes 1 to 1000") }
    }

    func run() async throws {
        var request = Holdfast_V1_ExplainDriftRequest()
        request.sku = position.sku
        request.node = position.node
        request.rows = Int32(rows)
        let answer: Holdfast_V1_ExplainDriftResponse = try await ServerCalls.with(call) { server in
            try await server.call(.ops, "ExplainDrift", request)
        }
        try printAnswer(answer, isJSON: call.json) { explanationText(answer) }
        if !answer.position.findings.isEmpty {
            throw CommandError(
                .drifting,
                "\(position.sku)@\(position.node) drifts",
                hint: "holdfast drift repair \(position.sku)@\(position.node) says what mends it",
            )
        }
    }
}
