// `holdfast stock as-of`: positions and reservations of any moment, rebuilt from the ledger.

internal import ArgumentParser
internal import Messages
internal import SwiftProtobuf

/// Rebuilds the state of a moment.
struct StockAsOf: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "as-of",
        abstract: "Rebuilds positions and reservations of any moment from the ledger.",
        discussion: """
            The moment is one of the database's clock, in UTC. It ends with the last batch before \
            the first one, in the order of their numbers, that was written after it; that never \
            changes, so the same moment gives the same bytes and the same digest each time.

            --json prints one JSON object a line: the moment, the positions by SKU and node, the \
            reservations by id (those that had ended too), and the digest. The digest is the \
            SHA-256 of the lines of positions and reservations, with their line feeds. \
            For people there is a table of the positions; each page is a call, and large stock \
            takes a while.

            EXAMPLES
              holdfast stock as-of 2026-11-25T12:00:00Z
              holdfast stock as-of 2026-11-25T12:00:00.250Z --json
              holdfast stock as-of 2026-11-25 --digest
            """,
    )

    @Argument(help: ArgumentHelp("The moment, in UTC.", valueName: "time"))
    var time: ExactMomentArgument
    @Flag(help: "Print only the digest.")
    var digest = false
    @OptionGroup var call: CallOptions

    func run() async throws {
        try await ServerCalls.with(call) { server in
            var request = Holdfast_V1_GetMomentRequest()
            request.at = time.moment
            let moment: Holdfast_V1_Moment =
                try await server.call(.ledger, "GetMoment", request)
            let writesLines = call.json && !digest
            if writesLines {
                Terminal.writeLine(
                    "{\"at\":\"\(exactMomentText(moment.at))\",\"batch\":\(moment.batch),"
                        + "\"kind\":\"moment\"}"
                )
            }
            var state = CanonicalState()
            let positions = try await positions(server, moment, &state, writesLines)
            try await reservations(server, moment, &state, writesLines)
            tell(moment, state, positions)
        }
    }

    /// Goes through the positions; returns them when a table is to be made.
    private func positions(
        _ server: ServerCalls,
        _ moment: Holdfast_V1_Moment,
        _ state: inout CanonicalState,
        _ writesLines: Bool,
    ) async throws -> [Holdfast_V1_Position] {
        var request = Holdfast_V1_ListPositionsAsOfRequest()
        request.batch = moment.batch
        var kept: [Holdfast_V1_Position] = []
        repeat {
            let page: Holdfast_V1_ListPositionsAsOfResponse =
                try await server.call(.ledger, "ListPositionsAsOf", request)
            var text = ""
            for position in page.positions { text += state.add(position) }
            if writesLines { Terminal.write(text) }
            if !call.json, !digest { kept += page.positions }
            request.pageToken = page.nextPageToken
            tellProgress(state)
        } while !request.pageToken.isEmpty
        return kept
    }

    private func reservations(
        _ server: ServerCalls,
        _ moment: Holdfast_V1_Moment,
        _ state: inout CanonicalState,
        _ writesLines: Bool,
    ) async throws {
        var request = Holdfast_V1_ListReservationsAsOfRequest()
        request.batch = moment.batch
        repeat {
            let page: Holdfast_V1_ListReservationsAsOfResponse =
                try await server.call(.ledger, "ListReservationsAsOf", request)
            var text = ""
            for reservation in page.reservations { text += state.add(reservation) }
            if writesLines { Terminal.write(text) }
            request.pageToken = page.nextPageToken
            tellProgress(state)
        } while !request.pageToken.isEmpty
        if Terminal.isWatched { Terminal.note("\r\u{1b}[K") }
    }

    private func tellProgress(_ state: CanonicalState) {
        guard Terminal.isWatched else { return }
        Terminal.note(
            "\r\(counted(state.positions, "position")), "
                + "\(counted(state.reservations, "reservation"))"
        )
    }

    private func tell(
        _ moment: Holdfast_V1_Moment,
        _ state: CanonicalState,
        _ positions: [Holdfast_V1_Position],
    ) {
        if call.json {
            Terminal.writeLine(
                "{\"digest\":\"\(state.digest)\",\"kind\":\"digest\","
                    + "\"positions\":\(state.positions),\"reservations\":\(state.reservations)}"
            )
            return
        }
        if digest {
            Terminal.writeLine(state.digest)
            return
        }
        Terminal.write(positionsText(positions) + "\n")
        Terminal.write(
            fieldsText([
                ("moment", exactMomentText(moment.at)),
                ("last batch", "\(moment.batch)"),
                ("positions", "\(state.positions)"),
                ("reservations", "\(state.reservations), \(state.open) of them open"),
                ("digest", state.digest),
            ])
        )
    }
}
