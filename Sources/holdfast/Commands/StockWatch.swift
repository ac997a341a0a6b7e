// `holdfast stock watch`: what may be promised, as it changes.

internal import ArgumentParser
internal import Foundation
internal import Messages
internal import SwiftProtobuf
internal import UnixSignals

/// Shows what may be promised of some items, and every change of it.
struct StockWatch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Shows what may be promised of some items, and then every change of it.",
        discussion: """
            First a table of what is there, then a line for each change within a second of it; \
            changes that follow each other quickly may come as one. With --json each answer of \
            the server is one line. Ends with status 0 on Ctrl-C, or after --count answers or \
            --seconds. An item that is not there yet shows up when it is received.

            EXAMPLES
              holdfast stock watch 85123A 22423@LDN-DC
              holdfast stock watch 85123A --channel web
              holdfast stock watch 85123A@LDN-DC --json --count 1
              holdfast stock watch 85123A --seconds 60
            """,
    )

    @Argument(help: ArgumentHelp("What to watch, 1 to 500 items.", valueName: "sku[@node]"))
    var items: [ItemArgument]
    @Option(help: "For whom: leaves out what is withheld from this channel.")
    var channel: String?
    @Option(help: "End after so many answers; the first state is the first.")
    var count: Int?
    @Option(help: "End after so many seconds.")
    var seconds: Double?
    @OptionGroup var call: CallOptions

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count takes 1 or more") }
        if let seconds, !(0.001...31_536_000).contains(seconds) {
            throw ValidationError("--seconds takes 0.001 to 31536000")
        }
    }

    func run() async throws {
        // Trapped before anything is printed: whoever sees the table may press Ctrl-C.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        try await ServerCalls.with(call) { server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await follow(server) }
                group.addTask {
                    for await _ in signals { break }
                }
                if let seconds {
                    group.addTask { try await Task.sleep(for: .seconds(seconds)) }
                }
                // What ends first ends the rest.
                defer { group.cancelAll() }
                try await group.next()
            }
        }
    }

    /// Prints what comes until it is enough.
    private func follow(_ server: ServerCalls) async throws {
        var request = Holdfast_V1_WatchAvailabilityRequest()
        request.items = items.map { argument in
            var item = Holdfast_V1_AvailabilityItem()
            item.sku = argument.sku
            item.node = argument.node
            return item
        }
        request.channel = channel ?? ""
        var text = WatchText(request.items)
        var left = count ?? .max
        try await server.answers(.inventory, "WatchAvailability", request) {
            (answer: Holdfast_V1_WatchAvailabilityResponse) in
            if call.json {
                Terminal.writeLine(try JSONText.encoded(answer))
            } else {
                Terminal.write(text.next(answer, at: .init(date: .now)))
            }
            left -= 1
            return left > 0
        }
    }
}
