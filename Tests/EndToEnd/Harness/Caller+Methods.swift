// Requests as the tests write them: short, with everything that does not matter left out.

import Messages
import RPC
import SwiftProtobuf

/// Units of a SKU at a node.
struct Units: Hashable, Sendable {
    var sku: String
    var node: String
    var quantity: Int64

    init(_ sku: String, _ quantity: Int64, at node: String = "N1") {
        self.sku = sku
        self.node = node
        self.quantity = quantity
    }
}

extension Holdfast_V1_Demand {
    init(_ units: Units) {
        self.init()
        sku = units.sku
        node = units.node
        quantity = units.quantity
    }
}

extension Holdfast_V1_ReserveRequest {
    /// Holds units under a key.
    init(_ units: [Units], key: String, ttlMs: Int64 = 600_000, channel: String = "") {
        self.init()
        idempotencyKey = key
        lines = units.map { Holdfast_V1_Demand($0) }
        ttl = .milliseconds(ttlMs)
        owner = "cart"
        self.channel = channel
    }
}

extension Google_Protobuf_Duration {
    static func milliseconds(_ milliseconds: Int64) -> Self {
        var duration = Self()
        duration.seconds = milliseconds / 1_000
        duration.nanos = Int32(milliseconds % 1_000) * 1_000_000
        return duration
    }
}

extension Caller {
    @discardableResult
    func receive(
        _ units: [Units],
        key: String = Caller.newKey("receive"),
        metadata: Metadata = Metadata(),
    ) async throws -> Holdfast_V1_StockAnswer {
        var request = Holdfast_V1_ReceiveRequest()
        request.idempotencyKey = key
        request.lines = units.map { units in
            var line = Holdfast_V1_StockLine()
            line.sku = units.sku
            line.node = units.node
            line.quantity = units.quantity
            return line
        }
        return try await call(Path.inventory("Receive"), request, metadata: metadata)
    }

    func adjust(_ sku: String, _ delta: Int64, at node: String = "N1") async throws {
        var request = Holdfast_V1_AdjustRequest()
        request.idempotencyKey = Caller.newKey("adjust")
        request.reason = .count
        var line = Holdfast_V1_AdjustLine()
        line.sku = sku
        line.node = node
        line.delta = delta
        request.lines = [line]
        let _: Holdfast_V1_StockAnswer = try await call(Path.inventory("Adjust"), request)
    }

    func move(
        _ sku: String,
        _ quantity: Int64,
        from: Holdfast_V1_StockState,
        to: Holdfast_V1_StockState,
        at node: String = "N1",
    ) async throws {
        var request = Holdfast_V1_MoveStateRequest()
        request.idempotencyKey = Caller.newKey("move")
        request.sku = sku
        request.node = node
        request.quantity = quantity
        request.from = from
        request.to = to
        let _: Holdfast_V1_StockAnswer = try await call(Path.inventory("MoveState"), request)
    }

    func setSafety(
        _ sku: String,
        _ quantity: Int64,
        channel: String = "",
        at node: String = "N1",
    ) async throws {
        var request = Holdfast_V1_SetSafetyStockRequest()
        request.idempotencyKey = Caller.newKey("safety")
        request.sku = sku
        request.node = node
        request.quantity = quantity
        request.channel = channel
        let _: Holdfast_V1_StockAnswer = try await call(Path.inventory("SetSafetyStock"), request)
    }

    func transferStock(
        _ sku: String,
        _ quantity: Int64,
        from: String,
        to: String,
        inTransit: Bool = false,
    ) async throws -> Holdfast_V1_TransferAnswer {
        var request = Holdfast_V1_TransferRequest()
        request.idempotencyKey = Caller.newKey("transfer")
        request.fromNode = from
        request.toNode = to
        request.inTransit = inTransit
        var line = Holdfast_V1_TransferLine()
        line.sku = sku
        line.quantity = quantity
        request.lines = [line]
        return try await call(Path.inventory("Transfer"), request)
    }

    func setIncoming(_ sku: String, _ quantity: Int64, reference: String, at: Int64) async throws {
        var request = Holdfast_V1_SetIncomingRequest()
        request.idempotencyKey = Caller.newKey("incoming")
        request.sku = sku
        request.node = "N1"
        request.reference = reference
        request.quantity = quantity
        request.expectedAt.seconds = at
        let _: Holdfast_V1_StockAnswer = try await call(Path.inventory("SetIncoming"), request)
    }

    func availability(
        _ sku: String,
        channel: String = "",
        by: Int64? = nil,
    ) async throws -> Holdfast_V1_Availability {
        var request = Holdfast_V1_GetAvailabilityRequest()
        var item = Holdfast_V1_AvailabilityItem()
        item.sku = sku
        request.items = [item]
        request.channel = channel
        if let by { request.by.seconds = by }
        let answer: Holdfast_V1_GetAvailabilityResponse =
            try await call(Path.inventory("GetAvailability"), request)
        return answer.items.first ?? Holdfast_V1_Availability()
    }

    func position(_ sku: String, at node: String = "N1") async throws -> Holdfast_V1_Position {
        let answer = try await availability(sku)
        return answer.nodes.first { $0.node == node }?.position ?? Holdfast_V1_Position()
    }

    func ledger(_ sku: String, at node: String = "N1") async throws -> [Holdfast_V1_LedgerEntry] {
        var request = Holdfast_V1_ListLedgerRequest()
        request.sku = sku
        request.node = node
        var entries: [Holdfast_V1_LedgerEntry] = []
        repeat {
            let page: Holdfast_V1_ListLedgerResponse =
                try await call(Path.inventory("ListLedger"), request)
            entries += page.entries
            request.pageToken = page.nextPageToken
        } while !request.pageToken.isEmpty
        return entries
    }

    // MARK: Reservations

    func reserve(
        _ units: [Units],
        key: String = Caller.newKey("reserve"),
        ttlMs: Int64 = 600_000,
        channel: String = "",
        metadata: Metadata = Metadata(),
    ) async throws -> Holdfast_V1_Reservation {
        let request = Holdfast_V1_ReserveRequest(units, key: key, ttlMs: ttlMs, channel: channel)
        return try await call(Path.reservation("Reserve"), request, metadata: metadata)
    }

    func reservation(_ id: String) async throws -> Holdfast_V1_Reservation {
        var request = Holdfast_V1_GetReservationRequest()
        request.id = id
        return try await call(Path.reservation("GetReservation"), request)
    }

    func extend(
        _ id: String,
        ttlMs: Int64,
        key: String = "",
    ) async throws -> Holdfast_V1_Reservation {
        var request = Holdfast_V1_ExtendRequest()
        request.id = id
        request.ttl = .milliseconds(ttlMs)
        request.idempotencyKey = key
        return try await call(Path.reservation("Extend"), request)
    }

    func confirm(
        _ id: String,
        _ units: [Units] = [],
        reacquire: Bool = false,
        key: String = "",
    ) async throws -> Holdfast_V1_Reservation {
        var request = Holdfast_V1_ConfirmRequest()
        request.id = id
        request.lines = units.map { Holdfast_V1_Demand($0) }
        request.reacquireIfExpired = reacquire
        request.idempotencyKey = key
        return try await call(Path.reservation("Confirm"), request)
    }

    func release(_ id: String, key: String = "") async throws -> Holdfast_V1_Reservation {
        var request = Holdfast_V1_ReleaseRequest()
        request.id = id
        request.reason = "changed their mind"
        request.idempotencyKey = key
        return try await call(Path.reservation("Release"), request)
    }

    func change(
        _ id: String,
        _ units: [Units],
        key: String = "",
    ) async throws -> Holdfast_V1_Reservation {
        var request = Holdfast_V1_ChangeRequest()
        request.id = id
        request.lines = units.map { Holdfast_V1_Demand($0) }
        request.idempotencyKey = key
        return try await call(Path.reservation("Change"), request)
    }

    func handOver(_ id: String, to owner: String) async throws -> Holdfast_V1_Reservation {
        var request = Holdfast_V1_TransferReservationRequest()
        request.id = id
        request.owner = owner
        request.idempotencyKey = Caller.newKey("hand-over")
        return try await call(Path.reservation("Transfer"), request)
    }
}
