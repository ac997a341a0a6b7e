// `holdfast reservation`: what becomes of a hold.

internal import ArgumentParser
internal import Messages

/// The commands about one reservation.
struct ReservationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reservation",
        abstract: "Shows, extends, confirms and releases reservations.",
        discussion: """
            EXAMPLES
              holdfast reservation show --key cart-7
              holdfast reservation release 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
            """,
        subcommands: [
            ReservationShow.self, ReservationExtend.self, ReservationConfirm.self,
            ReservationRelease.self,
        ],
    )
}

/// Shows a reservation.
struct ReservationShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows a reservation as it is now.",
        discussion: """
            EXAMPLES
              holdfast reservation show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast reservation show --key cart-7 --json
            """,
    )

    @Argument(help: "Its id.")
    var id: String?
    @Option(help: "The key that it was reserved with.")
    var key: String?
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (id == nil) != (key == nil) else { throw ValidationError("give an id or --key") }
    }

    func run() async throws {
        var request = Holdfast_V1_GetReservationRequest()
        if let id { request.id = id }
        if let key { request.idempotencyKey = key }
        let answer: Holdfast_V1_Reservation = try await ServerCalls.with(call) { server in
            try await server.call(.reservations, "GetReservation", request)
        }
        try printAnswer(answer, isJSON: call.json) { reservationText(answer) }
    }
}
