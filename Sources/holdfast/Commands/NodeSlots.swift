// `holdfast node slots`, `capacity` and `history`: the windows in which nodes work, and what changed.

internal import ArgumentParser
internal import Foundation
internal import Messages
internal import SwiftProtobuf

/// Shows slots.
struct NodeSlots: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "slots",
        abstract: "Shows the slots of a node: capacity, taken, free.",
        discussion: """
            FREE is below zero where capacity was lowered below what is promised: nothing more is \
            taken until it is above zero again.

            EXAMPLES
              holdfast node slots LDN-DC
              holdfast node slots LDN-DC --from 2026-12-24 --rows 10 --json
            """,
    )

    @Argument(help: "The node.")
    var node: String
    @Option(help: "From this local day on, as in 2026-12-24. (default: all that are known)")
    var from = ""
    @Option(help: "How many, 1 to 1000.")
    var rows: Int32 = 100
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_ListSlotsRequest()
        request.node = node
        request.fromDay = from
        request.limit = rows
        let answer: Holdfast_V1_ListSlotsResponse =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.network, "ListSlots", request)
            }
        try printAnswer(answer, isJSON: call.json) { slotsText(answer.slots) }
    }
}

/// Sets the capacity of a slot.
struct NodeCapacity: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capacity",
        abstract: "Sets how many orders and units one slot takes.",
        discussion: """
            What is not given is without limit. What is promised in the slot stays promised, \
            however low the capacity. The slot keeps it when the calendar changes, until \
            --as-calendar gives it back.

            EXAMPLES
              holdfast node capacity LDN-DC --day 2026-12-24 --orders 40 --units 400
              holdfast node capacity LDN-DC --day 2026-12-24 --window 1 --as-calendar
            """,
    )

    @Argument(help: "The node.")
    var node: String
    @Option(help: "Its local day, as in 2026-12-24.")
    var day: String
    @Option(help: "The window of the day, from 0.")
    var window: Int32 = 0
    @Option(help: "Orders. (default: without limit)")
    var orders: Int64?
    @Option(help: "Units. (default: without limit)")
    var units: Int64?
    @Flag(help: "Give the slot back to the calendar.")
    var asCalendar = false
    @Option(help: "Why, for the history.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func validate() throws {
        if asCalendar, orders != nil || units != nil {
            throw ValidationError("--as-calendar takes neither --orders nor --units")
        }
        if !asCalendar, orders == nil, units == nil {
            throw ValidationError("say --orders, --units or both, or --as-calendar")
        }
    }

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_SetSlotCapacityRequest()
        request.idempotencyKey = key
        request.node = node
        request.day = day
        request.window = window
        if let orders { request.orders = orders }
        if let units { request.units = units }
        request.asCalendar = asCalendar
        request.note = note
        let answer: Holdfast_V1_NetworkChanged =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.network, "SetSlotCapacity", request, key: key)
            }
        try printAnswer(answer, isJSON: call.json, key: key) {
            "\(printable(node)) \(printable(day))/\(window) "
                + "\(answer.isChanged ? "is set" : "was so already"), version \(answer.version)\n"
        }
    }
}

/// Shows what changed.
struct NodeHistory: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Shows what changed the network, newest first.",
        discussion: """
            EXAMPLES
              holdfast node history
              holdfast node history MAN-STORE --rows 10 --json
            """,
    )

    @Argument(help: "Only changes of this node.")
    var node: String?
    @Option(help: "How many, 1 to 500.")
    var rows: Int32 = 50
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_ListNetworkChangesRequest()
        request.node = node ?? ""
        request.pageSize = rows
        let answer: Holdfast_V1_ListNetworkChangesResponse =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.network, "ListNetworkChanges", request)
            }
        try printAnswer(answer, isJSON: call.json) { networkChangesText(answer.changes) }
        if !answer.nextPageToken.isEmpty { Terminal.note("there are more changes: --rows\n") }
    }
}
