// `holdfast stock transfer`: units that go from one node to another.

internal import ArgumentParser
internal import Messages

/// Moves units between nodes.
struct StockTransfer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Moves units from one node to another, or lands what is in transit.",
        discussion: """
            EXAMPLES
              holdfast stock transfer 85123A=10 71053=4 --from LDN-DC --to LEEDS
              holdfast stock transfer 85123A=10 --from LDN-DC --to LEEDS --in-transit
              holdfast stock transfer --land 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
            """,
    )

    @Argument(help: ArgumentHelp("Lines, 1 to 500.", valueName: "sku=qty"))
    var lines: [SKUQuantityArgument] = []
    @Option(help: "The node that the units leave.")
    var from: String?
    @Option(help: "The node that they go to.")
    var to: String?
    @Flag(help: "They are on their way until they are landed.")
    var inTransit = false
    @Option(help: ArgumentHelp("Lands a transfer that is in transit.", valueName: "transfer-id"))
    var land: String?
    @Option(help: "What it belongs to.")
    var reference = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func validate() throws {
        if land == nil {
            guard !lines.isEmpty, from != nil, to != nil else {
                throw ValidationError("give lines with --from and --to, or --land")
            }
        } else if !lines.isEmpty || from != nil || to != nil || inTransit {
            throw ValidationError("--land takes no lines, --from, --to or --in-transit")
        }
    }

    func run() async throws {
        let key = key.keyOrNew
        let answer: Holdfast_V1_TransferAnswer = try await ServerCalls.with(call) { server in
            if let land {
                var request = Holdfast_V1_ReceiveTransferRequest()
                request.transferID = land
                request.idempotencyKey = key
                return try await server.call(.inventory, "ReceiveTransfer", request, key: key)
            }
            return try await server.call(.inventory, "Transfer", request(key), key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) {
            let state = answer.inTransit ? "in transit" : "arrived"
            return fieldsText([("transfer", answer.transferID), ("state", state)]) + "\n"
                + positionsText(answer.positions)
        }
    }

    private func request(_ key: String) -> Holdfast_V1_TransferRequest {
        var request = Holdfast_V1_TransferRequest()
        request.idempotencyKey = key
        request.fromNode = from ?? ""
        request.toNode = to ?? ""
        request.inTransit = inTransit
        request.reference = reference
        request.lines = lines.map { line in
            var wire = Holdfast_V1_TransferLine()
            wire.sku = line.sku
            wire.quantity = line.quantity
            return wire
        }
        return request
    }
}
