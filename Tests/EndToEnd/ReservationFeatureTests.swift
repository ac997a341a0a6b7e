// Row 13 of the list of features: what may become of a reservation, and that it ends at most once.

import Messages
import RPC
import SwiftProtobuf
import Testing

@Suite struct `Row 13, the life of a reservation` {
    private func fresh(_ sku: String, _ quantity: Int64) async throws -> Caller {
        let caller = try await Caller(try Shared.features.get().server)
        try await caller.receive([Units(sku, quantity)])
        return caller
    }

    @Test func `a hold can be extended, and never ends earlier for it`() async throws {
        let caller = try await fresh("EXTEND", 10)
        let held = try await caller.reserve([Units("EXTEND", 2)], ttlMs: 60_000)
        let longer = try await caller.extend(held.id, ttlMs: 120_000)
        #expect(longer.expiresAt.seconds >= held.expiresAt.seconds + 59)
        let same = try await caller.extend(held.id, ttlMs: 1_000)
        #expect(same.expiresAt == longer.expiresAt)
        #expect(same.state == .held)
    }

    @Test func `a hold can be confirmed in parts, and what is left released`() async throws {
        let caller = try await fresh("PARTS", 10)
        let held = try await caller.reserve([Units("PARTS", 5)])
        let part = try await caller.confirm(held.id, [Units("PARTS", 2)])
        #expect(part.state == .partiallyConfirmed)
        #expect(part.lines.first?.held == 3)
        #expect(part.lines.first?.confirmed == 2)
        let rest = try await caller.release(held.id)
        #expect(rest.state == .confirmed)
        #expect(rest.lines.first?.held == 0)
        #expect(rest.lines.first?.confirmed == 2)
        let position = try await caller.position("PARTS")
        #expect(position.allocated == 2)
        #expect(position.reserved == 0)
        #expect(position.available == 8)
    }

    @Test func `a hold can grow while there is stock, and shrink`() async throws {
        let caller = try await fresh("CHANGE", 10)
        let held = try await caller.reserve([Units("CHANGE", 4)])
        #expect(try await caller.change(held.id, [Units("CHANGE", 7)]).lines.first?.held == 7)
        #expect(try await caller.position("CHANGE").available == 3)
        let tooMany = try await refusal { try await caller.change(held.id, [Units("CHANGE", 11)]) }
        #expect(tooMany?.code == .failedPrecondition)
        #expect(try await caller.change(held.id, [Units("CHANGE", 1)]).lines.first?.held == 1)
        #expect(try await caller.position("CHANGE").available == 9)
        #expect(try await caller.reserve([Units("CHANGE", 9)]).state == .held)
    }

    @Test func `a hold can be handed over, once`() async throws {
        let caller = try await fresh("HAND", 10)
        let held = try await caller.reserve([Units("HAND", 4)])
        let other = try await caller.handOver(held.id, to: "customer-9")
        #expect(other.owner == "customer-9")
        #expect(other.state == .held)
        #expect(other.id != held.id)
        let before = try await caller.reservation(held.id)
        #expect(before.state == .transferred)
        #expect(before.transferredTo == other.id)
        #expect(try await caller.position("HAND").reserved == 4)
        let again = try await refusal { try await caller.handOver(held.id, to: "customer-10") }
        #expect(again?.code == .failedPrecondition)
        #expect(try await caller.confirm(other.id).state == .confirmed)
    }

    @Test func `what is over stays over`() async throws {
        let caller = try await fresh("OVER", 20)
        let confirmed = try await caller.reserve([Units("OVER", 2)])
        _ = try await caller.confirm(confirmed.id)
        let released = try await caller.reserve([Units("OVER", 2)])
        _ = try await caller.release(released.id)
        for id in [confirmed.id, released.id] {
            for outcome in [
                try await refusal { try await caller.extend(id, ttlMs: 9_000) },
                try await refusal { try await caller.release(id) },
                try await refusal { try await caller.change(id, [Units("OVER", 1)]) },
                try await refusal { try await caller.handOver(id, to: "x") },
            ] {
                #expect(outcome?.code == .failedPrecondition)
                #expect(outcome?.reason == "WRONG_STATE")
            }
        }
        let late = try await refusal { try await caller.confirm(released.id) }
        #expect(late?.reason == "WRONG_STATE")
        let position = try await caller.position("OVER")
        #expect(position.allocated == 2)
        #expect(position.reserved == 0)
    }

    @Test func `confirm and release at once end in one of the two`() async throws {
        let caller = try await fresh("RACE", 200)
        for _ in 0..<20 {
            let held = try await caller.reserve([Units("RACE", 1)])
            async let confirm = refusal { try await caller.confirm(held.id) }
            async let release = refusal { try await caller.release(held.id) }
            let outcomes = [try await confirm, try await release]
            #expect(outcomes.count { $0 == nil } == 1)
            #expect(outcomes.compactMap { $0 }.allSatisfy { $0.reason == "WRONG_STATE" })
        }
        #expect(try Auditor(deployment: try Shared.features.get()).findings(atLeast: 20) == [])
    }
}

@Suite struct `Row 13, expiry` {
    private static let deployment = Result { try Deployment() }

    /// How far the rows of the ledger that gave `sku` back lie behind what was due, milliseconds:
    /// the least and the most.
    private func lag(_ deployment: Deployment, _ sku: String) throws -> (Int, Int)? {
        let row = try deployment.sql(
            """
            SELECT (1000 * extract(epoch FROM min(l.at - r.expires_at)))::int,
                (1000 * extract(epoch FROM max(l.at - r.expires_at)))::int
            FROM reservations r JOIN reservation_events e ON e.key = r.key AND e.kind = 3
            JOIN positions p ON p.id = ANY (r.positions)
            JOIN position_ledger l ON l.position = p.id AND l.batch = e.batch
            WHERE p.sku = '\(sku)'
            """
        )
        let figures = row.split(separator: "|").compactMap { Int($0) }
        return figures.count == 2 ? (figures[0], figures[1]) : nil
    }

    private func untilFree(_ caller: Caller, _ sku: String, _ quantity: Int64) async throws {
        for _ in 0..<400 {
            if try await caller.position(sku).available == quantity { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("\(sku) is not free again")
    }

    @Test func `a hold is free again at most one second after it is due, and never before`()
        async throws
    {
        let deployment = try Self.deployment.get()
        let caller = try await Caller(deployment.server)
        try await caller.receive([Units("SHORT", 3)])
        let held = try await caller.reserve([Units("SHORT", 3)], ttlMs: 1_000)
        #expect(try await caller.position("SHORT").available == 0)
        try await untilFree(caller, "SHORT", 3)
        #expect(try await caller.reservation(held.id).state == .expired)
        let lag = try #require(try lag(deployment, "SHORT"))
        #expect(lag.0 >= 0)
        #expect(lag.1 <= 1_000)
        // Not only in the books: it can be sold again.
        #expect(try await caller.reserve([Units("SHORT", 3)]).state == .held)
    }

    @Test func `2,000 holds that are due at once are all free a second later, none before`()
        async throws
    {
        let deployment = try Self.deployment.get()
        let callers = try await deployment.callers(4)
        try await callers[0].receive([Units("MANY", 2_000)])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<40 {
                group.addTask {
                    for _ in 0..<50 {
                        _ = try await callers[task % 4].reserve([Units("MANY", 1)], ttlMs: 60_000)
                    }
                }
            }
            try await group.waitForAll()
        }
        // Their time is set to one moment: no caller is quick enough to make it so.
        try deployment.sql(
            """
            UPDATE reservations r SET expires_at = now() + interval '1 second'
            FROM positions p WHERE p.sku = 'MANY' AND p.id = ANY (r.positions)
            """
        )
        try await untilFree(callers[0], "MANY", 2_000)
        let lag = try #require(try lag(deployment, "MANY"))
        #expect(lag.0 >= 0)
        #expect(lag.1 <= 1_000)
        let expired = try deployment.number("SELECT count(*) FROM reservations WHERE state = 5")
        #expect(expired >= 2_000)
        #expect(try Auditor(deployment: deployment).findings(atLeast: 2_000) == [])
    }

    @Test func `a late confirm fails by name, or takes the units again if they are there`()
        async throws
    {
        let deployment = try Self.deployment.get()
        let caller = try await Caller(deployment.server)
        try await caller.receive([Units("LATE", 4)])
        let first = try await caller.reserve([Units("LATE", 4)], ttlMs: 1_000)
        try await untilFree(caller, "LATE", 4)
        let late = try await refusal { try await caller.confirm(first.id) }
        #expect(late?.code == .failedPrecondition)
        #expect(late?.reason == "RESERVATION_EXPIRED")
        let taken = try await caller.confirm(first.id, reacquire: true)
        #expect(taken.state == .confirmed)
        #expect(try await caller.position("LATE").allocated == 4)

        try await caller.receive([Units("LATE", 2)])
        let second = try await caller.reserve([Units("LATE", 2)], ttlMs: 1_000)
        try await untilFree(caller, "LATE", 2)
        _ = try await caller.reserve([Units("LATE", 1)])
        let gone = try await refusal { try await caller.confirm(second.id, reacquire: true) }
        #expect(gone?.code == .failedPrecondition)
        #expect(gone?.reason == "SOLD_OUT" || gone?.reason == "NOT_ENOUGH")
        let position = try await caller.position("LATE")
        #expect(position.allocated == 4)
        #expect(position.reserved == 1)
    }
}
