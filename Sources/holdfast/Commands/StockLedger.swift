// `holdfast stock ledger`: why a position is what it is.

internal import ArgumentParser
internal import Messages

/// Shows the ledger of a position.
struct StockLedger: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Shows every change of a position, newest first.",
        discussion: """
            EXAMPLES
              holdfast stock ledger 85123A@LDN-DC
              holdfast stock ledger 85123A@LDN-DC --rows 500
              holdfast stock ledger 85123A@LDN-DC --all --json
            """,
    )

    @Argument(help: ArgumentHelp("The position.", valueName: "sku@node"))
    var position: PositionArgument
    @Option(help: "How many rows, 1 to 1000.")
    var rows = 50
    @Flag(help: "Show every row.")
    var all = false
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (1...1_000).contains(rows) else { throw ValidationError("--rows takes 1 to 1000") }
    }

    func run() async throws {
        let answer = try await ServerCalls.with(call) { server in
            var request = Holdfast_V1_ListLedgerRequest()
            request.sku = position.sku
            request.node = position.node
            request.pageSize = all ? 1_000 : Int32(rows)
            var answer = Holdfast_V1_ListLedgerResponse()
            repeat {
                request.pageToken = answer.nextPageToken
                let page: Holdfast_V1_ListLedgerResponse =
                    try await server.call(.inventory, "ListLedger", request)
                answer.entries += page.entries
                answer.nextPageToken = page.nextPageToken
            } while all && !answer.nextPageToken.isEmpty
            return answer
        }
        try printAnswer(answer, isJSON: call.json) { ledgerText(answer.entries) }
        if !answer.nextPageToken.isEmpty { Terminal.note("there are more rows: --all\n") }
    }
}
