// Finds units another place: takes it first, swaps then, so that a unit is never without one in between.
// Whatever is lost on the way (this server, an answer) is found again by the next turn: the job is due
// again when its lease is over, and asks for the same hold by the same key.

internal import Base
internal import Domain

/// Drives re-routes, on one event loop.
package struct Rerouter<Ledger: ReroutePort, Gate: GatePort, Holds: HoldPort, Places: Rerouting> {
    /// What a turn did.
    package struct Figures: Hashable, Sendable {
        package var jobs = 0
        package var movedUnits: Int64 = 0
        package var lostUnits: Int64 = 0

        package init() {}

        package static func += (left: inout Figures, right: Figures) {
            left.jobs += right.jobs
            left.movedUnits += right.movedUnits
            left.lostUnits += right.lostUnits
        }
    }

    /// How long the hold of a new place may live, milliseconds: many times what a swap takes.
    private static var holdMs: Int64 { 60_000 }
    /// When a place that others are about to free is asked for again, milliseconds.
    private static var laterMs: Int { 250 }

    private let ledger: Ledger
    private let gate: Gate
    private let holds: Holds
    private let places: Places
    private let attemptsMax: Int

    package init(
        ledger: Ledger,
        gate: Gate,
        holds: Holds,
        places: Places,
        attemptsMax: Int,
    ) {
        self.ledger = ledger
        self.gate = gate
        self.holds = holds
        self.places = places
        self.attemptsMax = attemptsMax
    }

    /// Brings a job as far as it goes now.
    package func drive(_ job: RerouteJob) async throws(Failure) -> Figures {
        var figures = Figures()
        figures.jobs = 1
        let spent = job.lines.filter(\.isSpent)
        if !spent.isEmpty {
            let detail = "it was given another place \(attemptsMax) times, which is the most"
            figures += try await giveUp(job, spent, detail)
        }
        let lines = job.lines.filter { !$0.isSpent }
        if lines.isEmpty { return figures }
        let answer = try await place(job, lines, &figures)
        guard case .nowhere(let detail) = answer else { return figures }
        if lines.count == 1 {
            figures += try await giveUp(job, lines, detail)
            return figures
        }
        // Not all of it finds a place; some of it may.
        for line in lines {
            let answer = try await place(job, [line], &figures)
            if case .nowhere(let detail) = answer {
                figures += try await giveUp(job, [line], detail)
            }
        }
        return figures
    }

    // MARK: Private

    private func place(
        _ job: RerouteJob,
        _ lines: [RerouteLine],
        _ figures: inout Figures,
    ) async throws(Failure) -> RerouteAnswer {
        let key = key(job, lines, "hold")
        let origin = origin(job)
        var units: [String: Int64] = [:]
        for line in lines { units[line.sku, default: 0] += line.units }
        let answer = try await places.takePlace(
            RerouteQuestion(
                key: key,
                lines: units.sorted { $0.key < $1.key }.map { (sku: $0.key, units: $0.value) },
                channel: job.channel,
                customer: job.customer,
                reservation: job.reservation,
                excluded: job.excluded,
                ttlMs: Self.holdMs,
                origin: origin,
            )
        )
        switch answer {
        case .nowhere: return answer
        case .later(let detail):
            try await ledger.postpone(
                job.id,
                ms: Self.laterMs,
                withNextHold: false,
                detail: detail,
            )
        case .keyUsed:
            try await ledger.postpone(job.id, ms: 0, withNextHold: true, detail: "other units")
        case .held:
            switch try await ledger.swap(job.id, to: key, origin: origin) {
            case .done(let moved, let settlement):
                figures.movedUnits += moved
                await settle(settlement)
            case .over: await holds.release(id: key, origin: origin)
            case .holdLost:
                await holds.release(id: key, origin: origin)
                try await ledger.postpone(
                    job.id,
                    ms: 0,
                    withNextHold: true,
                    detail: "the new place was lost before it was taken over",
                )
            }
        }
        return answer
    }

    private func giveUp(
        _ job: RerouteJob,
        _ lines: [RerouteLine],
        _ detail: String,
    ) async throws(Failure) -> Figures {
        let lost = try await ledger.giveUp(
            job.id,
            lines: lines.map(\.number),
            key: key(job, lines, "give up"),
            detail: detail,
            origin: origin(job),
        )
        await settle(lost.settlement)
        var figures = Figures()
        figures.lostUnits = lost.units
        return figures
    }

    private func settle(_ settlement: Settlement) async {
        if !settlement.rows.isEmpty { await gate.settle(settlement, ending: []) }
    }

    /// Names an attempt: the same for whoever makes it.
    private func key(_ job: RerouteJob, _ lines: [RerouteLine], _ what: String) -> ID {
        var builder = DigestBuilder()
        builder.add("reroute")
        builder.add(what)
        builder.add(job.id)
        builder.add(Int64(job.holds))
        for line in lines { builder.add(Int64(line.number)) }
        return builder.digest()
    }

    private func origin(_ job: RerouteJob) -> Origin {
        Origin(principal: "system:reroute", requestID: "\(job.id)/\(job.holds)", traceID: "")
    }
}

extension Rerouter: Sendable
where Ledger: Sendable, Gate: Sendable, Holds: Sendable, Places: Sendable {}
