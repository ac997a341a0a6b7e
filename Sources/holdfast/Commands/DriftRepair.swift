// `holdfast drift repair`: says what would mend drift, and does it with --yes.

internal import ArgumentParser
internal import Messages

/// Repairs one position, or all that drift.
struct DriftRepair: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Repairs drift: a dry run, unless --yes is given.",
        discussion: """
            A wrong view is dropped if it still is what was read; the next request loads it. \
            Balances that somebody changed past their ledger are written back to the sum of the \
            ledger, under the position's lock, with a ledger row that says who did it. What cannot \
            be done safely is left to a person, with the reason. No hold is touched, pending or \
            acknowledged.

            Ends with status 0 when nothing is wrong (any more), 7 when something is.

            EXAMPLES
              holdfast drift repair 85123A@LDN-DC
              holdfast drift repair 85123A@LDN-DC --yes
              holdfast drift repair --all --yes
            """,
    )

    @Argument(help: ArgumentHelp("The position.", valueName: "sku@node"))
    var position: PositionArgument?
    @Flag(help: "Audit every position, and repair those that drift.")
    var all = false
    @Flag(help: "Do it. Without it nothing is changed.")
    var yes = false
    @OptionGroup var call: CallOptions

    func validate() throws {
        if all == (position != nil) { throw ValidationError("name one position, or --all") }
    }

    func run() async throws {
        let answers = try await ServerCalls.with(call) { server in
            var answers: [Holdfast_V1_RepairDriftResponse] = []
            for position in try await positions(server) {
                var request = Holdfast_V1_RepairDriftRequest()
                request.sku = position.sku
                request.node = position.node
                request.apply = yes
                answers.append(try await server.call(.ops, "RepairDrift", request))
            }
            return answers
        }
        if call.json {
            let texts = try answers.map { try JSONText.encoded($0) }
            Terminal.writeLine("{\"repairs\":[\(texts.joined(separator: ","))]}")
        } else {
            Terminal.write(repairText(answers, isDryRun: !yes))
        }
        let left = answers.count { !(yes ? $0.after : $0.before).findings.isEmpty }
        if left > 0 {
            throw CommandError(
                .drifting,
                yes
                    ? "\(counted(left, "position")) of \(answers.count) could not be repaired"
                    : "nothing was changed: this was a dry run",
                hint: yes ? nil : "--yes does it",
            )
        }
    }

    private func positions(_ server: ServerCalls) async throws -> [PositionArgument] {
        if let position { return [position] }
        var request = Holdfast_V1_ListDriftRequest()
        request.all = true
        request.findingsOnly = true
        // A position without a node is one that Postgres lost: it has no name to be repaired by.
        return try await audited(server, request).positions.filter { !$0.node.isEmpty }
            .map { PositionArgument(sku: $0.sku, node: $0.node) }
    }
}
