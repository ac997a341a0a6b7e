// `holdfast shipment`: what a node does about the part of an order that goes from there.

internal import ArgumentParser
internal import Messages

/// The commands about shipments.
struct ShipmentGroup: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shipment",
        abstract: "Shows shipments, and takes them from new to delivered.",
        discussion: """
            An order is handed to nodes as shipments; `holdfast work NODE` lists what a node has to \
            do. Units that a node rejects or does not find are given another node by the server; \
            when there is none, `holdfast exceptions list` says so.

            EXAMPLES
              holdfast shipment list 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast shipment accept 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast shipment pick 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa 1=2
            """,
        subcommands: [
            ShipmentList.self, ShipmentShow.self, ShipmentAccept.self, ShipmentReject.self,
            ShipmentPick.self, ShipmentPack.self, ShipmentShip.self, ShipmentDeliver.self,
            ShipmentReroute.self,
        ],
    )
}

/// Lists the shipments of an order.
struct ShipmentList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the shipments of an order.",
        discussion: """
            EXAMPLES
              holdfast shipment list 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast shipment list 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json
            """,
    )

    @Argument(help: "The order's id.")
    var order: String
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_ListShipmentsRequest()
        request.orderID = order
        let answer: Holdfast_V1_ListShipmentsResponse =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.fulfilment, "ListShipments", request)
            }
        try printAnswer(answer, isJSON: call.json) { shipmentsText(answer.shipments) }
    }
}

/// Shows a shipment.
struct ShipmentShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows a shipment with its lines and history.",
        discussion: """
            EXAMPLES
              holdfast shipment show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast shipment show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_GetShipmentRequest()
        request.id = id
        let answer: Holdfast_V1_Shipment = try await ServerCalls.with(call) { [request] server in
            try await server.call(.fulfilment, "GetShipment", request)
        }
        try printAnswer(answer, isJSON: call.json) { shipmentText(answer) }
    }
}

/// Takes units from their nodes.
struct ShipmentReroute: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reroute",
        abstract: "Gives what is not packed of an order another node than it has.",
        discussion: """
            Without --shipment that is all of the order that is not packed, and units without a \
            node. The server looks for other nodes right after it; `holdfast shipment list` shows \
            what came of it.

            EXAMPLES
              holdfast shipment reroute 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa \\
                --note 'strike'
              holdfast shipment reroute 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa \\
                --shipment 49dafdbf-6fcf-b582-5bfd-154c750e8a14
            """,
    )

    @Argument(help: "The order's id.")
    var order: String
    @Option(help: ArgumentHelp("Only this shipment; may be repeated.", valueName: "id"))
    var shipment: [String] = []
    @Option(help: "Why.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_RerouteOrderRequest()
        request.orderID = order
        request.idempotencyKey = key
        request.shipmentIds = shipment
        request.note = note
        let answer: Holdfast_V1_Order = try await ServerCalls.with(call) { [request] server in
            try await server.call(.fulfilment, "RerouteOrder", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { orderText(answer) }
    }
}
