// `holdfast drift`: whether Redis, Postgres and the ledger say the same.

internal import ArgumentParser
internal import Foundation
internal import Messages
internal import SwiftProtobuf
internal import Synchronization
internal import UnixSignals

/// The commands about drift.
struct Drift: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows whether Redis and Postgres drift apart, explains it, and repairs it.",
        discussion: """
            Every figure is exact under any load: the view in Redis is held against the ledger at \
            the very version that the view shows. LAG (versions that the view lacks) and IN FLIGHT \
            (pending holds) are no drift. DRIFT is how many free units the view shows too many.

            FINDINGS
              view          the view shows other free units than the ledger at its version
              ledger        the balances in Postgres are not the sum of their ledger
              pending       the units in flight are not those of the pending holds
              lost commits  the view has a version that Postgres has not: page somebody
              unreadable    fields of the view are no numbers, or gone
              missing rows  the ledger lacks rows

            EXIT STATUS
              0 when drift is 0 everywhere it looked, 7 when not; the others as always.

            EXAMPLES
              holdfast drift
              holdfast drift --all
              holdfast drift explain 85123A@LDN-DC
              holdfast drift repair 85123A@LDN-DC --yes
            """,
        subcommands: [DriftShow.self, DriftExplain.self, DriftRepair.self],
        defaultSubcommand: DriftShow.self,
    )
}

/// Audits positions and shows them.
struct DriftShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Audits positions and shows what drifts, since when and by what.",
        discussion: """
            Without --sku, --node or --all: the positions in use on this server (touched within the \
            last seconds), and those that its watcher has raised an alarm for. With --all only \
            those with which something is wrong are listed, unless --clean is given.

            EXAMPLES
              holdfast drift
              holdfast drift --sku 85123A
              holdfast drift --node LDN-DC --json
              holdfast drift --all
              holdfast drift --watch
            """,
    )

    @Option(help: "Only this SKU.")
    var sku: String?
    @Option(help: "Only this node.")
    var node: String?
    @Flag(help: "Every position.")
    var all = false
    @Flag(help: "With --all: list those that are right, too.")
    var clean = false
    @Flag(help: "Audit again and again, until Ctrl-C.")
    var watch = false
    @Option(help: "With --watch: seconds between two audits.")
    var interval = 1.0
    @Option(help: "With --watch: end after so many audits.")
    var count: Int?
    @OptionGroup var call: CallOptions

    func validate() throws {
        if all, sku != nil || node != nil {
            throw ValidationError("--all looks at everything: leave out --sku and --node")
        }
        if sku == "" || node == "" { throw ValidationError("a SKU and a node are not empty") }
        if clean, !all { throw ValidationError("--clean goes with --all") }
        if count != nil, !watch { throw ValidationError("--count goes with --watch") }
        if let count, count < 1 { throw ValidationError("--count takes 1 or more") }
        guard (0.1...86_400).contains(interval) else {
            throw ValidationError("--interval takes 0.1 to 86400")
        }
    }

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let worst = try await ServerCalls.with(call) { server in
            if !watch { return try await show(server) }
            return try await withThrowingTaskGroup(of: DriftSummary?.self) { group in
                let seen = DriftMemory()
                group.addTask {
                    try await follow(server, seen)
                    return nil
                }
                group.addTask {
                    for await _ in signals { break }
                    return nil
                }
                // What ends first ends the rest.
                defer { group.cancelAll() }
                _ = try await group.next()
                return seen.worst
            }
        }
        if worst.drifting > 0 { throw worst.error }
    }

    private func follow(_ server: ServerCalls, _ seen: DriftMemory) async throws {
        var left = count ?? .max
        while true {
            seen.note(try await show(server))
            left -= 1
            if left == 0 { return }
            try await Task.sleep(for: .seconds(interval))
        }
    }

    /// One audit, printed.
    private func show(_ server: ServerCalls) async throws -> DriftSummary {
        var request = Holdfast_V1_ListDriftRequest()
        request.sku = sku ?? ""
        request.node = node ?? ""
        request.all = all
        request.findingsOnly = all && !clean
        let answer = try await audited(server, request)
        let summary = DriftSummary(answer)
        if call.json {
            Terminal.writeLine(try JSONText.encoded(answer))
        } else {
            // A terminal shows the latest table only.
            if watch, Terminal.isResultWatched { Terminal.write("\u{1b}[H\u{1b}[2J") }
            if watch { Terminal.writeLine(momentText(.init(date: .now))) }
            if !answer.positions.isEmpty { Terminal.write(driftText(answer.positions)) }
            Terminal.writeLine(summary.text)
        }
        return summary
    }
}

/// The worst that a watch has seen; from any task.
private final class DriftMemory: Sendable {
    private let state = Mutex(DriftSummary())

    var worst: DriftSummary { state.withLock { $0 } }

    func note(_ summary: DriftSummary) {
        state.withLock { if summary.drifting >= $0.drifting { $0 = summary } }
    }
}

/// Runs an audit to its end, telling how far it is; all pages as one answer.
func audited(
    _ server: ServerCalls,
    _ request: Holdfast_V1_ListDriftRequest,
) async throws -> Holdfast_V1_ListDriftResponse {
    var whole = Holdfast_V1_ListDriftResponse()
    var progress: Progress?
    try await server.answers(.ops, "ListDrift", request) {
        (page: Holdfast_V1_ListDriftResponse) in
        whole.positions += page.positions
        whole.audited = page.audited
        whole.total = page.total
        whole.drifting = page.drifting
        if request.all {
            progress = progress ?? Progress("audited", total: Int(page.total))
            progress?.update(Int(page.audited))
        }
        return true
    }
    progress?.finish(Int(whole.audited))
    return whole
}
