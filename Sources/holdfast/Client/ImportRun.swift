// Sends a checked file of stock: several requests at once, each with a key that the file's content
// determines. A request that fails does not stop the others.

internal import Base
internal import Messages

/// One import.
struct ImportRun {
    /// What became of an import.
    struct Outcome {
        var requests = 0
        var failures = 0
        var rows = 0
        var units: Int64 = 0
        var safetySet = 0
        var firstError: CommandError?
    }

    /// One request, and what it brings when it succeeds.
    private struct Work: Sendable {
        enum Request: Sendable {
            case receive(Holdfast_V1_ReceiveRequest)
            case setSafety(Holdfast_V1_SetSafetyStockRequest)
        }

        var request: Request
        var rows: Int
        var units: Int64
    }

    let server: ServerCalls
    let stock: StockFile
    let file: String
    let parallel: Int

    /// Sends everything; receipts first, because a safety figure needs its position.
    func run() async throws -> Outcome {
        let receipts = stock.chunks().map(receipt)
        let safety = stock.safetySettings.map(safetySetting)
        let progress = Progress("rows", total: (receipts + safety).reduce(0) { $0 + $1.rows })
        var outcome = Outcome()
        var done = 0
        for group in [receipts, safety] {
            try await send(group, &outcome) { rows in
                done += rows
                progress.update(done)
            }
        }
        progress.finish(done)
        return outcome
    }

    private func send(
        _ works: [Work],
        _ outcome: inout Outcome,
        _ finished: (Int) -> Void,
    ) async throws {
        try await withThrowingTaskGroup(of: (Work, CommandError?).self) { group in
            var waiting = works[...]
            func startNext() {
                guard let work = waiting.popFirst() else { return }
                group.addTask { [server] in (work, await Self.send(work, server)) }
            }
            for _ in 0..<parallel { startNext() }
            while let (work, error) = try await group.next() {
                startNext()
                outcome.requests += 1
                finished(work.rows)
                if let error {
                    outcome.failures += 1
                    outcome.firstError = outcome.firstError ?? error
                    continue
                }
                switch work.request {
                case .receive:
                    outcome.rows += work.rows
                    outcome.units += work.units
                case .setSafety: outcome.safetySet += 1
                }
            }
        }
    }

    private static func send(_ work: Work, _ server: ServerCalls) async -> CommandError? {
        do {
            switch work.request {
            case .receive(let request):
                let _: Holdfast_V1_StockAnswer =
                    try await server.callPatiently(.inventory, "Receive", request)
            case .setSafety(let request):
                let _: Holdfast_V1_StockAnswer =
                    try await server.callPatiently(.inventory, "SetSafetyStock", request)
            }
            return nil
        } catch let error as CommandError {
            return error
        } catch {
            return CommandError(.failed, "\(error)")
        }
    }

    // MARK: Requests

    private func receipt(_ chunk: StockFile.Chunk) -> Work {
        var request = Holdfast_V1_ReceiveRequest()
        request.idempotencyKey = chunk.key
        request.reference = "import \(stock.digest)"
        request.lines = chunk.rows.map { row in
            var line = Holdfast_V1_StockLine()
            line.sku = row.sku
            line.node = row.node
            line.quantity = row.quantity
            return line
        }
        return Work(
            request: .receive(request),
            rows: chunk.rows.count,
            units: chunk.rows.reduce(0) { $0 + $1.quantity },
        )
    }

    private func safetySetting(_ key: String, _ row: StockRow) -> Work {
        var request = Holdfast_V1_SetSafetyStockRequest()
        request.idempotencyKey = key
        request.sku = row.sku
        request.node = row.node
        request.quantity = row.safety ?? 0
        return Work(request: .setSafety(request), rows: 1, units: 0)
    }
}
