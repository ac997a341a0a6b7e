// One round of a trial: fresh stock, callers, faults, rest, the verdict, and then every unit that Postgres
// calls free is reserved, down to the last one.

internal import Foundation
internal import Loop

/// What a round needs of the trial that it belongs to.
struct JudgeRound: Sendable {
    /// SKUs of a round: few, so that they are fought for.
    private static let skus = 6
    /// SKUs that are wanted for a moment each.
    private static let briefSKUs = 12
    /// How long everything may take to come to rest after the last fault and the last call.
    private static let restSeconds = 40
    /// How long after the last fault a caller may be left without an answer.
    private static let answerSeconds = 30
    /// Holds that end within this time are waited for, in milliseconds.
    private static let dueMs: Int64 = 3_000

    let options: JudgeOptions
    let number: Int
    let stage: JudgeStage
    let books: JudgeBooks
    let callers: JudgeCallers

    private var node: String { "r\(number)" }
    private var skus: [String] { (0..<Self.skus).map { "\(node)-\($0)" } }
    private var ampleSKU: String { "\(node)-ample" }
    private var briefSKUs: [String] { (0..<Self.briefSKUs).map { "\(node)-brief\($0)" } }

    /// Plays and judges.
    func play() async throws -> JudgeRoundResult {
        var result = JudgeRoundResult(number: number)
        let batch = try await books.lastBatch()
        var stock = Wish(kind: .receive, key: "\(node)-stock")
        var random = JudgeRandom(options.seed, UInt64(number), 2)
        stock.lines = skus.map {
            JudgeLine(sku: $0, quantity: Int64.random(in: 8...30, using: &random))
        }
        stock.lines += briefSKUs.map { JudgeLine(sku: $0, quantity: 40) }
        stock.lines.append(JudgeLine(sku: ampleSKU, quantity: 2_000))
        await callers.insist(&stock, &random, giveUp: Self.secondsFromNow(Self.answerSeconds))
        guard stock.outcome?.isDone == true else {
            throw JudgeFailure("round \(number) got no stock: \(stock.attempts.suffix(3))")
        }
        result.faults = JudgeSchedule.faults(
            options.kinds,
            seed: options.seed,
            round: number,
            seconds: options.secondsPerRound,
        )
        result.begin = judgeNow()
        let (begin, faults) = (result.begin, result.faults)
        let watch = JudgeWatch(
            books: books,
            positions: try await books.positions(of: node).map(\.id),
            batch: batch,
            stage: stage,
        )
        // The loss of a single position may uncover a row: a load that was under way meets it.
        let watching =
            faults.contains { $0.kind == .positionDrop } ? nil : Task { await watch.look() }
        defer { watching?.cancel() }
        async let wanted = callAll(begin: begin)
        result.runs = try await inject(faults)
        result.wishes = [stock] + (await wanted)
        result.countCalls()
        try await rest(after: batch, &result)
        watching?.cancel()
        var evidence = try await books.evidence(node: node, after: batch)
        evidence.uncovered = await watching?.value ?? []
        result.count(evidence)
        let verdict = JudgeVerdict(round: number, wishes: result.wishes, evidence: evidence)
        result.violations += verdict.violations
        try await judgeViews(evidence.positions, &result)
        try await sellTheRest(evidence.positions, &random, &result)
        result.violations += stage.ended.map { violation(.serverEnded, $0) }
        return result
    }

    private static func secondsFromNow(_ seconds: Int) -> Int64 {
        judgeNow() + Int64(seconds) * 1_000_000
    }

    private func violation(_ kind: JudgeViolation.Kind, _ what: String) -> JudgeViolation {
        JudgeViolation(round: number, kind: kind, what: what)
    }

    // MARK: Load and faults

    @concurrent
    private func callAll(begin: Int64) async -> [Wish] {
        let end = begin + Int64(options.secondsPerRound * 1_000_000)
        // Faults last some seconds beyond the calls at most, and then there are answers.
        let giveUp = end + Int64(Self.answerSeconds) * 1_000_000
        return await withTaskGroup(of: [Wish].self) { group in
            for index in 0..<options.callers {
                let caller = JudgeCaller(
                    callers: callers,
                    node: node,
                    skus: skus,
                    briefSKUs: briefSKUs,
                    ampleSKU: ampleSKU,
                    name: "\(node)-\(index)",
                    random: JudgeRandom(options.seed, UInt64(number), 3, UInt64(index)),
                )
                group.addTask { await caller.work(until: end, giveUp: giveUp) }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    /// Lets the faults happen; returns how they came.
    private func inject(_ faults: [Fault]) async throws -> [FaultRun] {
        let begin = ContinuousClock.now
        return try await withThrowingTaskGroup(of: FaultRun.self) { group in
            for fault in faults {
                group.addTask {
                    try await Task.sleep(until: begin + .milliseconds(fault.atMs))
                    let began = ContinuousClock.now - begin
                    try await stage.inject(fault)
                    return FaultRun(
                        kind: fault.kind,
                        beganMs: Int(began / .milliseconds(1)),
                        endedMs: Int((ContinuousClock.now - begin) / .milliseconds(1)),
                    )
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    // MARK: Rest

    /// Waits until nothing is pending and no hold is about to end.
    private func rest(after batch: Int64, _ result: inout JudgeRoundResult) async throws {
        let unanswered = result.wishes.filter { $0.outcome == nil && !$0.isAbandoned }
        if let wish = unanswered.first {
            result.violations.append(
                violation(
                    .notAtRest,
                    "\(unanswered.count) calls had no answer for \(Self.answerSeconds) s, such as"
                        + " \(wish.key): \(wish.attempts.suffix(2))",
                )
            )
        }
        let end = ContinuousClock.now + .seconds(Self.restSeconds)
        while true {
            let due = try await books.due(withinMs: Self.dueMs, after: batch)
            let pending = try await books.views(of: [], redis: stage.redisPath).pending
            let isOpen = try await books.isOpen(redis: stage.redisPath)
            if due == 0, pending == 0, isOpen { return }
            if ContinuousClock.now > end {
                if !isOpen {
                    result.violations.append(
                        violation(
                            .unfenced,
                            "\(Self.restSeconds) s after the last call the Redis that leads is not"
                                + " the one that the open epoch was opened on, or has lost it"
                        )
                    )
                }
                if due == 0, pending == 0 { return }
                result.violations.append(
                    violation(
                        pending > 0 ? .notAtRest : .expiry,
                        "\(Self.restSeconds) s after the last call \(pending) holds are pending, and"
                            + " \(due) that are over, or soon will be, are not free",
                    )
                )
                return
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Every view shows what the ledger says at its version; one that is behind is counted.
    private func judgeViews(
        _ positions: [JudgedPosition],
        _ result: inout JudgeRoundResult,
    ) async throws {
        let views = try await books.views(of: positions, redis: stage.redisPath).views
        let expected = try await books.expected(views)
        for position in positions {
            guard let view = views[position.id] else { continue }
            result.views += 1
            if view.free != expected[position.id] {
                result.violations.append(
                    violation(
                        .drift,
                        "\(position.sku) shows \(view), the ledger says"
                            + " \(expected[position.id] ?? 0) at that version",
                    )
                )
            }
            if view.pending != 0 {
                result.violations.append(
                    violation(
                        .drift,
                        "\(position.sku) has \(view.pending) units pending for nobody"
                    )
                )
            }
            if view.version != position.version { result.behind += 1 }
        }
    }

    // MARK: The last unit

    /// Reserves all that is free, and then one unit more, which there is not.
    private func sellTheRest(
        _ positions: [JudgedPosition],
        _ random: inout JudgeRandom,
        _ result: inout JudgeRoundResult,
    ) async throws {
        for position in positions {
            if position.free > 0 {
                let wish = await sell(position, position.free, "rest", &random)
                result.soldOut += 1
                if wish.outcome?.isDone != true {
                    result.violations.append(
                        violation(
                            .unsellable,
                            "\(position.sku) has \(position.free) free units by Postgres, which"
                                + " cannot be reserved: \(wish.attempts.suffix(3))",
                        )
                    )
                    continue
                }
            }
            let wish = await sell(position, 1, "more", &random)
            if wish.outcome?.answer != "SOLD_OUT" {
                result.violations.append(
                    violation(
                        .oversold,
                        "\(position.sku) is sold out, but one more unit was answered"
                            + " \(wish.attempts.suffix(3))",
                    )
                )
            }
        }
        try await judgeViews(try await books.positions(of: node), &result)
    }

    private func sell(
        _ position: JudgedPosition,
        _ units: Int64,
        _ what: String,
        _ random: inout JudgeRandom,
    ) async -> Wish {
        var wish = Wish(kind: .reserve, key: "\(position.sku)-\(what)")
        wish.lines = [JudgeLine(sku: position.sku, quantity: units)]
        wish.ttlMs = 3_600_000
        await callers.insist(
            &wish,
            &random,
            giveUp: Self.secondsFromNow(Self.answerSeconds),
            patience: 20,
        )
        return wish
    }
}
