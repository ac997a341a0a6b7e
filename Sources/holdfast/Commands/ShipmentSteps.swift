// `holdfast shipment accept`, `reject`, `pick`, `pack`, `ship` and `deliver`.

internal import ArgumentParser
internal import Messages
internal import SwiftProtobuf

/// Sends a step of a node's work, and prints the shipment after it.
private func send(
    _ method: String,
    _ request: some Message,
    _ key: String,
    _ call: CallOptions,
) async throws {
    let answer: Holdfast_V1_Shipment = try await ServerCalls.with(call) { server in
        try await server.call(.fulfilment, method, request, key: key)
    }
    try printAnswer(answer, isJSON: call.json, key: key) { shipmentText(answer) }
}

/// Takes a shipment on.
struct ShipmentAccept: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "The node takes the shipment on.",
        discussion: """
            EXAMPLES
              holdfast shipment accept 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast shipment accept 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --note 'wave 7'
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Option(help: "What to say about it.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_AcceptShipmentRequest()
        request.id = id
        request.idempotencyKey = key
        request.note = note
        try await send("AcceptShipment", request, key, call)
    }
}

/// Gives units up.
struct ShipmentReject: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reject",
        abstract: "The node gives units up; the order gets them from elsewhere.",
        discussion: """
            Before they are packed. The node gets none of these SKUs of the order again.

            EXAMPLES
              holdfast shipment reject 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa \\
                --reason NO_STAFF
              holdfast shipment reject 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa 2=1 \\
                --reason DAMAGED --note 'torn box'
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Argument(help: ArgumentHelp("Which units; none: all open ones.", valueName: "line=qty"))
    var lines: [OrderLineArgument] = []
    @Option(help: "Why, such as NO_STOCK, DAMAGED or NO_STAFF.")
    var reason: String
    @Option(help: "Why, in words.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_RejectShipmentRequest()
        request.id = id
        request.idempotencyKey = key
        request.lines = lines.map(lineQuantity)
        request.reason = reason
        request.note = note
        try await send("RejectShipment", request, key, call)
    }
}

/// Says what was found.
struct ShipmentPick: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pick",
        abstract: "Says how many units of lines were found; less than open: the rest is missing.",
        discussion: """
            The number is all that was found of the line. What is missing is not promised to \
            anybody any more, and the order gets it from elsewhere.

            EXAMPLES
              holdfast shipment pick 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast shipment pick 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa 1=2 2=0
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Argument(help: ArgumentHelp("What was found; none: all.", valueName: "line=qty"))
    var lines: [OrderLineArgument] = []
    @Option(help: "What to say about it.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_PickShipmentRequest()
        request.id = id
        request.idempotencyKey = key
        request.lines = lines.map(lineQuantity)
        request.note = note
        try await send("PickShipment", request, key, call)
    }
}

/// Closes the parcel.
struct ShipmentPack: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pack",
        abstract: "All that is open was picked and is in its parcel.",
        discussion: """
            EXAMPLES
              holdfast shipment pack 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast shipment pack 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Option(help: "What to say about it.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_PackShipmentRequest()
        request.id = id
        request.idempotencyKey = key
        request.note = note
        try await send("PackShipment", request, key, call)
    }
}

/// Hands the parcel to the carrier.
struct ShipmentShip: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ship",
        abstract: "The packed shipment leaves the node and the stock.",
        discussion: """
            EXAMPLES
              holdfast shipment ship 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa \\
                --carrier DPD --tracking 1597
              holdfast shipment ship 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Option(help: "The carrier.")
    var carrier = ""
    @Option(help: "The carrier's tracking number.")
    var tracking = ""
    @Option(help: "What to say about it.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ShipShipmentRequest()
        request.id = id
        request.idempotencyKey = key
        request.carrier = carrier
        request.tracking = tracking
        request.note = note
        try await send("ShipShipment", request, key, call)
    }
}

/// Says that it has arrived.
struct ShipmentDeliver: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliver",
        abstract: "The shipment has arrived.",
        discussion: """
            EXAMPLES
              holdfast shipment deliver 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast shipment deliver 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa \\
                --note neighbour
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Option(help: "What to say about it.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_DeliverShipmentRequest()
        request.id = id
        request.idempotencyKey = key
        request.note = note
        try await send("DeliverShipment", request, key, call)
    }
}
