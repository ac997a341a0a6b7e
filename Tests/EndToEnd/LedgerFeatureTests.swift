// Row 38 of the list of features: the ledger says who changed what, why and in which request.

import Messages
import RPC
import Testing

@Suite struct `Row 38, the ledger` {
    private func origin(_ principal: String, _ request: String, _ trace: String) throws -> Metadata
    {
        var metadata = Metadata()
        try metadata.add("x-holdfast-principal", principal)
        try metadata.add("x-request-id", request)
        try metadata.add("traceparent", "00-\(trace)-00f067aa0ba902b7-01")
        return metadata
    }

    @Test func `its rows carry who, in which request and trace, why and what for`() async throws {
        let caller = try await Caller(try Shared.features.get().server)
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        var receive = Holdfast_V1_ReceiveRequest()
        receive.idempotencyKey = "audited receipt"
        receive.reference = "delivery note 7"
        var line = Holdfast_V1_StockLine()
        line.sku = "AUDIT"
        line.node = "N1"
        line.quantity = 9
        receive.lines = [line]
        let _: Holdfast_V1_StockAnswer = try await caller.call(
            Path.inventory("Receive"),
            receive,
            metadata: try origin("goods-in", "r-1", trace),
        )
        var adjust = Holdfast_V1_AdjustRequest()
        adjust.idempotencyKey = "audited count"
        adjust.reason = .damage
        adjust.reference = "count sheet 12"
        var correction = Holdfast_V1_AdjustLine()
        correction.sku = "AUDIT"
        correction.node = "N1"
        correction.delta = -2
        adjust.lines = [correction]
        let _: Holdfast_V1_StockAnswer = try await caller.call(
            Path.inventory("Adjust"),
            adjust,
            metadata: try origin("counter", "r-2", trace),
        )
        let entries = try await caller.ledger("AUDIT")
        try #require(entries.count == 2)
        let (newest, oldest) = (entries[0], entries[1])
        #expect(oldest.principal == "goods-in")
        #expect(oldest.requestID == "r-1")
        #expect(oldest.traceID == trace)
        #expect(oldest.reference == "delivery note 7")
        #expect(oldest.kind == .received)
        #expect(newest.principal == "counter")
        #expect(newest.requestID == "r-2")
        #expect(newest.kind == .adjusted)
        #expect(newest.reason.lowercased().contains("damage"))
        #expect(newest.reference == "count sheet 12")
        #expect(newest.onHandDelta == -2)
        #expect(newest.availableAfter == 7)
    }

    @Test func `a row that sums several reservations names each of them`() async throws {
        let deployment = try Shared.features.get()
        let callers = try await deployment.callers(4)
        try await callers[0].receive([Units("CAUSES", 1_000)])
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<60 {
                let metadata = try origin(
                    "buyer-\(number)",
                    "request-\(number)",
                    "4bf92f3577b34da6a3ce929d0e0e4736",
                )
                group.addTask {
                    try await callers[number % 4]
                        .reserve([Units("CAUSES", 2)], metadata: metadata).id
                }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        let entries = try await callers[0].ledger("CAUSES").filter { $0.kind == .reserved }
        var caused: Set<String> = []
        for entry in entries {
            #expect(entry.causes.reduce(0) { $0 + $1.quantity } == entry.reservedDelta)
            for cause in entry.causes {
                #expect(cause.quantity == 2)
                #expect(cause.requestID.hasPrefix("request-"))
                #expect(cause.principal == "buyer-" + cause.requestID.dropFirst(8))
                #expect(cause.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
                caused.insert(cause.reservationID)
            }
        }
        #expect(caused == ids)
        #expect(entries.contains { $0.causes.count > 1 }, "no batch had two requests")
    }

    @Test func `the sum of its deltas is the balance of every position`() async throws {
        let deployment = try Shared.features.get()
        let caller = try await Caller(deployment.server)
        try await caller.receive([Units("SUM", 10)])
        _ = try await caller.reserve([Units("SUM", 2)])
        #expect(try Auditor(deployment: deployment).findings() == [])
        // The check itself must be able to see a wrong balance.
        try deployment.sql("UPDATE positions SET held = held + 1 WHERE sku = 'SUM'")
        #expect(try Auditor(deployment: deployment).findings().isEmpty == false)
        try deployment.sql("UPDATE positions SET held = held - 1 WHERE sku = 'SUM'")
    }
}
