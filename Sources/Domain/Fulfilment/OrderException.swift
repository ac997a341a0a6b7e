// What people have to see to: a code says what is wrong, its queue who sees to it.

package import Base

/// The teams that exceptions go to.
package enum ExceptionQueue: String, CaseIterable, Sendable {
    case payment, fraud, address, stock, capture, routing, carrier, returns, sre
}

/// What is wrong.
///
/// The raw value is stored, and is what callers read.
package enum ExceptionCode: String, CaseIterable, Sendable {
    case paymentMissing = "PAYMENT_MISSING"
    case paymentDeclined = "PAYMENT_DECLINED"
    case authExpired = "AUTH_EXPIRED"
    case fraudReview = "FRAUD_REVIEW"
    case addressInvalid = "ADDRESS_INVALID"
    case contactInvalid = "CONTACT_INVALID"
    case customsMissing = "CUSTOMS_MISSING"
    case stockConflict = "STOCK_CONFLICT"
    case stockShortPick = "STOCK_SHORT_PICK"
    case supplyLate = "SUPPLY_LATE"
    case skuUnknown = "SKU_UNKNOWN"
    case priceMismatch = "PRICE_MISMATCH"
    case duplicateSuspect = "DUPLICATE_SUSPECT"
    case schemaInvalid = "SCHEMA_INVALID"
    case routeExhausted = "ROUTE_EXHAUSTED"
    case nodeRejected = "NODE_REJECTED"
    case capacityFull = "CAPACITY_FULL"
    case cutoffMissed = "CUTOFF_MISSED"
    case promiseAtRisk = "PROMISE_AT_RISK"
    case shipmentLate = "SHIPMENT_LATE"
    case deliveryFailed = "DELIVERY_FAILED"
    case lost = "LOST"
    case returnMismatch = "RETURN_MISMATCH"
    case refundFailed = "REFUND_FAILED"
    case stuckState = "STUCK_STATE"
    case deadLetter = "DEAD_LETTER"
    case driftDetected = "DRIFT_DETECTED"

    /// Who sees to it.
    package var queue: ExceptionQueue {
        switch self {
        case .paymentMissing, .paymentDeclined, .authExpired: .payment
        case .fraudReview: .fraud
        case .addressInvalid, .contactInvalid, .customsMissing: .address
        case .stockConflict, .stockShortPick, .supplyLate: .stock
        case .skuUnknown, .priceMismatch, .duplicateSuspect, .schemaInvalid: .capture
        case .routeExhausted, .nodeRejected, .capacityFull, .cutoffMissed, .promiseAtRisk: .routing
        case .shipmentLate, .deliveryFailed, .lost: .carrier
        case .returnMismatch, .refundFailed: .returns
        case .stuckState, .deadLetter, .driftDetected: .sre
        }
    }
}

/// Whether somebody has to see to an exception.
///
/// The numbers are stored.
package enum ExceptionState: Int16, CaseIterable, Sendable {
    case open = 1
    case resolved = 2
}

/// What kind of thing happened to an exception.
///
/// The numbers are stored.
package enum ExceptionEventKind: Int16, CaseIterable, Sendable {
    case opened = 1
    case seenAgain = 2
    case resolved = 3
    case retried = 4
}

/// One thing that happened to an exception.
package struct ExceptionEvent: Hashable, Sendable {
    /// Counts from 1 without a gap.
    package var sequence: Int32
    package var at: Instant
    package var kind: ExceptionEventKind
    package var origin: Origin
    /// What is wrong, or why it is not any more.
    package var note: String

    package init(
        sequence: Int32,
        at: Instant,
        kind: ExceptionEventKind,
        origin: Origin,
        note: String,
    ) {
        self.sequence = sequence
        self.at = at
        self.kind = kind
        self.origin = origin
        self.note = note
    }
}

/// Something that people have to see to, at one moment.
package struct OrderException: Hashable, Sendable {
    package var id: ID
    package var code: ExceptionCode
    /// What it is about, such as `order/ID/2`.
    package var subject: String
    package var order: ID?
    package var line: Int32?
    package var shipment: ID?
    package var detail: String
    package var state: ExceptionState
    package var openedAt: Instant
    package var resolvedAt: Instant?
    package var history: [ExceptionEvent]

    package init(
        id: ID,
        code: ExceptionCode,
        subject: String,
        order: ID?,
        line: Int32?,
        shipment: ID?,
        detail: String,
        state: ExceptionState,
        openedAt: Instant,
        resolvedAt: Instant?,
        history: [ExceptionEvent],
    ) {
        self.id = id
        self.code = code
        self.subject = subject
        self.order = order
        self.line = line
        self.shipment = shipment
        self.detail = detail
        self.state = state
        self.openedAt = openedAt
        self.resolvedAt = resolvedAt
        self.history = history
    }

    /// The exception as it stood after the event `sequence`: what the answer to that call was.
    package func asOf(event sequence: Int32) -> OrderException {
        var exception = self
        exception.history = history.filter { $0.sequence <= sequence }
        let end = exception.history.last { $0.kind == .resolved }
        exception.state = end == nil ? .open : .resolved
        exception.resolvedAt = end?.at
        let seen = exception.history.last { $0.kind == .opened || $0.kind == .seenAgain }
        exception.detail = seen?.note ?? detail
        return exception
    }
}
