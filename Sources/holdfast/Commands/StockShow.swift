// `holdfast stock show`: positions as they are.

internal import ArgumentParser
internal import Messages

/// Shows positions.
struct StockShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows positions in the order of SKU, then node.",
        discussion: """
            Without --all at most 100 rows are shown.

            EXAMPLES
              holdfast stock show 85123A
              holdfast stock show --node LDN-DC --all
              holdfast stock show 85 --prefix --json
            """,
    )

    @Argument(help: "Only this SKU.")
    var sku: String?
    @Flag(help: "Take every SKU that begins so.")
    var prefix = false
    @Option(help: "Only this node.")
    var node: String?
    @Flag(help: "Show every row.")
    var all = false
    @OptionGroup var call: CallOptions

    func validate() throws {
        if prefix, sku == nil { throw ValidationError("--prefix needs the beginning of a SKU") }
    }

    func run() async throws {
        let (positions, next) = try await ServerCalls.with(call) { try await pages($0) }
        if positions.isEmpty, let sku, !prefix {
            let place = node.map { " at \($0)" } ?? ""
            throw CommandError(.notFound, "no stock of \(sku)\(place)")
        }
        var answer = Holdfast_V1_ListPositionsResponse()
        answer.positions = positions
        answer.nextPageToken = next
        try printAnswer(answer, isJSON: call.json) { positionsText(positions) }
        if !next.isEmpty { Terminal.note("there are more rows: --all shows them\n") }
    }

    private func pages(
        _ server: ServerCalls
    ) async throws -> ([Holdfast_V1_Position], next: String) {
        var request = Holdfast_V1_ListPositionsRequest()
        request.skuPrefix = sku ?? ""
        request.node = node ?? ""
        request.pageSize = all ? 1_000 : 100
        var positions: [Holdfast_V1_Position] = []
        while true {
            let page: Holdfast_V1_ListPositionsResponse =
                try await server.call(.inventory, "ListPositions", request)
            guard let sku, !prefix else {
                positions += page.positions
                if page.nextPageToken.isEmpty || !all { return (positions, page.nextPageToken) }
                request.pageToken = page.nextPageToken
                continue
            }
            // The SKU itself comes before every longer one that begins with it.
            let matches = page.positions.prefix { $0.sku == sku }
            positions += matches
            let isEnd = matches.count < page.positions.count || page.nextPageToken.isEmpty
            if isEnd { return (positions, "") }
            request.pageToken = page.nextPageToken
        }
    }
}
