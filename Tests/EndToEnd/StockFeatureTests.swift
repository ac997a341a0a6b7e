// Rows 4, 5 and 7 of the list of features: the states of stock, the one formula of what may be
// promised, and safety stock.

import Foundation
import Messages
import RPC
import Testing

@Suite(.serialized) struct `Row 4, states of stock` {
    /// Does one thing of many kinds; refusals are fine, they must change nothing.
    private func act(
        _ random: inout SeededRandom,
        _ caller: Caller,
        _ sku: String,
        _ live: inout [String],
    ) async throws {
        let quantity = Int64.random(in: 1...6, using: &random)
        let node = Bool.random(using: &random) ? "N1" : "N2"
        let states: [Holdfast_V1_StockState] = [.sellable, .damaged, .qualityControl]
            .shuffled(using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0: try await caller.receive([Units(sku, quantity * 3, at: node)])
        case 1: try await caller.adjust(sku, quantity - 4 == 0 ? -1 : quantity - 4, at: node)
        case 2: try await caller.move(sku, quantity, from: states[0], to: states[1], at: node)
        case 3: try await caller.setSafety(sku, quantity, at: node)
        case 4: try await caller.setSafety(sku, quantity, channel: "web", at: node)
        case 5:
            _ = try await caller.transferStock(
                sku,
                quantity,
                from: node,
                to: node == "N1" ? "N2" : "N1",
                inTransit: Bool.random(using: &random),
            )
        case 6: _ = try await caller.confirm(live.randomElement(using: &random) ?? "")
        case 7: _ = try await caller.release(live.randomElement(using: &random) ?? "")
        case 8:
            let id = live.randomElement(using: &random) ?? ""
            _ = try await caller.change(id, [Units(sku, quantity, at: node)])
        default:
            live.append(try await caller.reserve([Units(sku, quantity, at: node)]).id)
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `every unit on hand is in one state, after any mix of changes`(seed: UInt64) async throws {
        let deployment = try Shared.features.get()
        let caller = try await Caller(deployment.server)
        let sku = "STATES-\(seed)"
        try await caller.receive([Units(sku, 40), Units(sku, 40, at: "N2")])
        var random = SeededRandom(seed: seed)
        var live: [String] = []
        var done = 0
        for _ in 0..<120 {
            do {
                try await act(&random, caller, sku, &live)
                done += 1
            } catch let status as Status {
                let expected: [StatusCode] = [.failedPrecondition, .invalidArgument, .aborted]
                #expect(expected.contains(status.code), "\(status)")
            }
        }
        #expect(done > 40)
        for node in ["N1", "N2"] {
            let position = try await caller.position(sku, at: node)
            let unavailable = position.damaged + position.qualityControl
            let sum = position.available + position.safety + position.reserved + position.allocated
            #expect(position.onHand == sum + unavailable)
        }
        #expect(try Auditor(deployment: deployment).findings() == [])
    }
}

@Suite struct `Row 5, one formula of what may be promised` {
    @Test func `the figure is the fold of the ledger, row by row`() async throws {
        let deployment = try Shared.features.get()
        let caller = try await Caller(deployment.server)
        let sku = "FOLD"
        try await caller.receive([Units(sku, 30)])
        let held = try await caller.reserve([Units(sku, 4)])
        _ = try await caller.confirm(held.id, [Units(sku, 1)])
        try await caller.setSafety(sku, 3)
        try await caller.move(sku, 2, from: .sellable, to: .damaged)
        try await caller.adjust(sku, -1)
        _ = try await caller.release(held.id)
        var folded: Int64 = 0
        for entry in try await caller.ledger(sku).reversed() {
            folded += entry.onHandDelta - entry.reservedDelta - entry.allocatedDelta
            folded -= entry.safetyDelta + entry.damagedDelta + entry.qualityControlDelta
            #expect(entry.availableAfter == folded)
        }
        let availability = try await caller.availability(sku)
        #expect(availability.available == folded)
        #expect(folded == 30 - 1 - 3 - 2 - 1)
        #expect(try await caller.position(sku).available == folded)
    }

    @Test func `supply that is expected counts from its date on, and only then`() async throws {
        let caller = try await Caller(try Shared.features.get().server)
        let sku = "INCOMING"
        try await caller.receive([Units(sku, 5)])
        let day: Int64 = 86_400
        let now = Int64(Date().timeIntervalSince1970)
        try await caller.setIncoming(sku, 10, reference: "PO-1", at: now + day)
        try await caller.setIncoming(sku, 20, reference: "PO-2", at: now + 3 * day)
        #expect(try await caller.availability(sku).availableBy == 5)
        #expect(try await caller.availability(sku, by: now + day / 2).availableBy == 5)
        #expect(try await caller.availability(sku, by: now + 2 * day).availableBy == 15)
        #expect(try await caller.availability(sku, by: now + 4 * day).availableBy == 35)
        #expect(try await caller.availability(sku, by: now + 4 * day).available == 5)
        try await caller.setIncoming(sku, 0, reference: "PO-1", at: now + day)
        #expect(try await caller.availability(sku, by: now + 4 * day).availableBy == 25)
    }
}

@Suite struct `Row 7, safety stock` {
    @Test func `it withholds from everybody, or from one channel`() async throws {
        let caller = try await Caller(try Shared.features.get().server)
        let sku = "SAFETY"
        try await caller.receive([Units(sku, 10), Units(sku, 10, at: "N2")])
        try await caller.setSafety(sku, 4)
        try await caller.setSafety(sku, 3, channel: "web")
        let web = try await refusal { try await caller.reserve([Units(sku, 4)], channel: "web") }
        #expect(web?.reason == "SOLD_OUT")
        _ = try await caller.reserve([Units(sku, 3)], channel: "web")
        let shop = try await refusal { try await caller.reserve([Units(sku, 4)], channel: "shop") }
        #expect(shop?.reason == "SOLD_OUT")
        _ = try await caller.reserve([Units(sku, 3)], channel: "shop")
        _ = try await caller.reserve([Units(sku, 10, at: "N2")], channel: "web")
    }

    @Test func `raising it never breaks a promise that was given`() async throws {
        let deployment = try Shared.features.get()
        let caller = try await Caller(deployment.server)
        let sku = "SAFETY-2"
        try await caller.receive([Units(sku, 10)])
        let held = try await caller.reserve([Units(sku, 6)], channel: "web")
        try await caller.setSafety(sku, 10)
        try await caller.setSafety(sku, 10, channel: "web")
        #expect(try await caller.position(sku).available == -6)
        let confirmed = try await caller.confirm(held.id)
        #expect(confirmed.state == .confirmed)
        #expect(confirmed.lines.first?.confirmed == 6)
        let other = try await refusal { try await caller.reserve([Units(sku, 1)]) }
        #expect(other?.reason == "SOLD_OUT")
        try await caller.setSafety(sku, 0)
        #expect(try await caller.position(sku).available == 4)
    }
}
