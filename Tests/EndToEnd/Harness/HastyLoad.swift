// Callers who hardly wait: every call has a key, a request id and a tight deadline, and is made once.
// Afterwards each is asked for by its key, so that it is known what became of it.

import Messages
import RPC
import SwiftProtobuf
import Synchronization

/// What a hasty caller asks for.
enum HastyKind: String, CaseIterable, Sendable {
    case reserve, confirm, release, place, placeHeld, cancel, receive, adjust
}

/// A call that was made once.
struct HastyCall: Sendable {
    let kind: HastyKind
    /// Names the call: its key and its request id.
    let name: String
    let sku: String
    let quantity: Int64
    /// The reservation or the order that it is about.
    let target: String
    /// How it was answered the first time.
    var answer = StatusCode.unknown

    /// The answer said that nobody knows yet.
    var isOpen: Bool { [.deadlineExceeded, .unavailable, .cancelled].contains(answer) }
}

extension Caller {
    /// Makes the call, or makes it again; returns the id of what it made or changed.
    func make(
        _ call: HastyCall,
        requestID: String,
        timeoutMs: Int64,
    ) async throws -> String {
        var metadata = Metadata()
        try metadata.add("x-request-id", requestID)
        switch call.kind {
        case .reserve:
            let units = [Units(call.sku, call.quantity)]
            let answer: Holdfast_V1_Reservation = try await self.call(
                Path.reservation("Reserve"),
                Holdfast_V1_ReserveRequest(units, key: call.name, ttlMs: 86_400_000),
                metadata: metadata,
                timeoutMs: timeoutMs,
            )
            return answer.id
        case .confirm:
            var request = Holdfast_V1_ConfirmRequest()
            request.id = call.target
            request.idempotencyKey = call.name
            return try await id(Path.reservation("Confirm"), request, metadata, timeoutMs)
        case .release:
            var request = Holdfast_V1_ReleaseRequest()
            request.id = call.target
            request.idempotencyKey = call.name
            return try await id(Path.reservation("Release"), request, metadata, timeoutMs)
        case .place, .placeHeld:
            let answer: Holdfast_V1_Order = try await self.call(
                Path.order("PlaceOrder"),
                Holdfast_V1_PlaceOrderRequest(call),
                metadata: metadata,
                timeoutMs: timeoutMs,
            )
            return answer.id
        case .cancel:
            var request = Holdfast_V1_CancelOrderRequest()
            request.id = call.target
            request.idempotencyKey = call.name
            let answer: Holdfast_V1_Order = try await self.call(
                Path.order("CancelOrder"),
                request,
                metadata: metadata,
                timeoutMs: timeoutMs,
            )
            return answer.id
        case .receive, .adjust:
            try await makeStock(call, metadata, timeoutMs)
            return ""
        }
    }

    private func id(
        _ path: String,
        _ request: some Message,
        _ metadata: Metadata,
        _ timeoutMs: Int64,
    ) async throws -> String {
        let answer: Holdfast_V1_Reservation =
            try await call(path, request, metadata: metadata, timeoutMs: timeoutMs)
        return answer.id
    }

    private func makeStock(
        _ call: HastyCall,
        _ metadata: Metadata,
        _ timeoutMs: Int64,
    ) async throws {
        if call.kind == .receive {
            var request = Holdfast_V1_ReceiveRequest()
            request.idempotencyKey = call.name
            var line = Holdfast_V1_StockLine()
            line.sku = call.sku
            line.node = "N1"
            line.quantity = call.quantity
            request.lines = [line]
            let _: Holdfast_V1_StockAnswer = try await self.call(
                Path.inventory("Receive"),
                request,
                metadata: metadata,
                timeoutMs: timeoutMs,
            )
            return
        }
        var request = Holdfast_V1_AdjustRequest()
        request.idempotencyKey = call.name
        request.reason = .count
        var line = Holdfast_V1_AdjustLine()
        line.sku = call.sku
        line.node = "N1"
        line.delta = call.quantity
        request.lines = [line]
        let _: Holdfast_V1_StockAnswer = try await self.call(
            Path.inventory("Adjust"),
            request,
            metadata: metadata,
            timeoutMs: timeoutMs,
        )
    }
}

extension Holdfast_V1_PlaceOrderRequest {
    fileprivate init(_ call: HastyCall) {
        self.init()
        idempotencyKey = call.name
        channel = "web"
        externalID = call.name
        currency = "EUR"
        reservationID = call.target
        var line = Holdfast_V1_PlaceOrderLine()
        line.sku = call.sku
        line.node = "N1"
        line.quantity = call.quantity
        line.unitPriceMinor = 100
        lines = [line]
    }
}

/// One caller at a time, whose deadlines follow the speed of the machine: about half are met.
struct HastyCaller {
    private struct Known {
        var id: String
        var sku: String
        var quantity: Int64
    }

    private let caller: Caller
    private let name: String
    private let skus: [String]
    private var random: SeededRandom
    /// The middle of the deadlines, in milliseconds: 1 to 30 come out where the machine is quick.
    private var middleMs = 8.0
    private var holds: [Known] = []
    private var orders: [Known] = []
    private(set) var calls: [HastyCall] = []

    init(_ caller: Caller, name: String, skus: [String], seed: UInt64) {
        self.caller = caller
        self.name = name
        self.skus = skus
        random = SeededRandom(seed: seed)
    }

    /// Makes so many calls, one after the other.
    mutating func run(_ count: Int) async throws {
        calls.reserveCapacity(count)
        for number in 0..<count {
            var call = next(number)
            let timeoutMs = Double.random(in: 0.1...2.5, using: &random) * middleMs
            do {
                let id = try await caller.make(
                    call,
                    requestID: call.name,
                    timeoutMs: max(1, Int64(timeoutMs)),
                )
                call.answer = .ok
                note(call, id)
                middleMs = max(4, middleMs * 0.97)
            } catch let status as Status {
                call.answer = status.code
                middleMs = min(2_000, middleMs * 1.03)
            }
            calls.append(call)
        }
    }

    /// What was acknowledged can be the target of a later call, once.
    private mutating func note(_ call: HastyCall, _ id: String) {
        let known = Known(id: id, sku: call.sku, quantity: call.quantity)
        switch call.kind {
        case .reserve: holds.append(known)
        case .place, .placeHeld: orders.append(known)
        case .confirm, .release, .cancel, .receive, .adjust: break
        }
    }

    private mutating func next(_ number: Int) -> HastyCall {
        if !holds.isEmpty, Bool.random(using: &random) {
            let kind = [HastyKind.confirm, .release, .placeHeld].randomElement(using: &random)
            return make(kind ?? .confirm, number, about: holds.removeLast())
        }
        if !orders.isEmpty, Bool.random(using: &random) {
            return make(.cancel, number, about: orders.removeLast())
        }
        let kinds: [HastyKind] = [.reserve, .reserve, .reserve, .place, .receive, .adjust]
        let kind = kinds.randomElement(using: &random) ?? .reserve
        var quantity = Int64.random(in: 1...3, using: &random)
        if kind == .adjust, Bool.random(using: &random) { quantity.negate() }
        return HastyCall(
            kind: kind,
            name: "\(name)-\(number)",
            sku: skus[Int.random(in: 0..<skus.count, using: &random)],
            quantity: quantity,
            target: "",
        )
    }

    private func make(_ kind: HastyKind, _ number: Int, about known: Known) -> HastyCall {
        HastyCall(
            kind: kind,
            name: "\(name)-\(number)",
            sku: known.sku,
            quantity: known.quantity,
            target: known.id,
        )
    }
}

/// The units of one SKU, as the calls that took effect make them.
struct HastyUnits: Hashable, Sendable {
    var onHand: Int64 = 0
    var held: Int64 = 0
    var allocated: Int64 = 0

    /// Adds the effect of a call.
    mutating func add(_ call: HastyCall) {
        let units = call.quantity
        switch call.kind {
        case .reserve: held += units
        case .release: held -= units
        case .confirm, .placeHeld:
            held -= units
            allocated += units
        case .place: allocated += units
        case .cancel: allocated -= units
        case .receive, .adjust: onHand += units
        }
    }
}
