// `holdfast reservation extend`, `confirm` and `release`.

internal import ArgumentParser
internal import Messages

/// Lets a hold last longer.
struct ReservationExtend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extend",
        abstract: "Lets a hold last longer; never shorter.",
        discussion: """
            EXAMPLES
              holdfast reservation extend 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --ttl 30m
              holdfast reservation extend 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --ttl 2h
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Option(help: "How long from now, such as 90s, 15m or 2h.")
    var ttl: DurationArgument
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ExtendRequest()
        request.id = id
        request.ttl = wireDuration(ttl)
        request.idempotencyKey = key
        let answer: Holdfast_V1_Reservation = try await ServerCalls.with(call) { server in
            try await server.call(.reservations, "Extend", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { reservationText(answer) }
    }
}

/// Turns held units into allocated ones.
struct ReservationConfirm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confirm",
        abstract: "Turns held units into allocated ones, all of them or some.",
        discussion: """
            EXAMPLES
              holdfast reservation confirm 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast reservation confirm 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa \\
                85123A@LDN-DC=1
              holdfast reservation confirm 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --reacquire
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Argument(
        help: ArgumentHelp("Which units; none: all that are held.", valueName: "sku@node=qty")
    )
    var lines: [LineArgument] = []
    @Flag(help: "If it has expired, take the units again when they are still there.")
    var reacquire = false
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func validate() throws { _ = try lines.withoutPrices() }

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ConfirmRequest()
        request.id = id
        request.lines = lines.map(demand)
        request.reacquireIfExpired = reacquire
        request.idempotencyKey = key
        let answer: Holdfast_V1_Reservation = try await ServerCalls.with(call) { server in
            try await server.call(.reservations, "Confirm", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { reservationText(answer) }
    }
}

/// Gives held units back.
struct ReservationRelease: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release",
        abstract: "Gives the units that are still held back.",
        discussion: """
            EXAMPLES
              holdfast reservation release 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast reservation release 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa \\
                --reason 'cart emptied'
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Option(help: "Why, for the audit trail.")
    var reason = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ReleaseRequest()
        request.id = id
        request.reason = reason
        request.idempotencyKey = key
        let answer: Holdfast_V1_Reservation = try await ServerCalls.with(call) { server in
            try await server.call(.reservations, "Release", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { reservationText(answer) }
    }
}
