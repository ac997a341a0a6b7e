// What the use cases of fulfilment need from the database: each command is one transaction.

package import Base
package import Domain

/// A step of a node's work.
package struct ShipmentCommand: Sendable {
    package var header: CommandHeader
    package var shipment: ID
    package var step: ShipmentStep
    /// Reject and pick: each line at most once; empty: all that is open.
    package var lines: [OrderLineQuantity] = []
    /// Why units are given up.
    package var code = ""
    package var note = ""
    package var carrier = ""
    package var tracking = ""

    package init(header: CommandHeader, shipment: ID, step: ShipmentStep) {
        self.header = header
        self.shipment = shipment
        self.step = step
    }
}

/// How a step ended.
package enum ShipmentOutcome: Sendable {
    /// The shipment right after it, whatever happened since, and what the gate has to apply.
    case done(Shipment, Settlement)
    /// Nothing was changed.
    case refused(Refusal)
}

/// Units that are to go elsewhere.
package struct WithdrawCommand: Sendable {
    package enum Cause: Int16, Sendable {
        /// Their node is closed.
        case closed = 3
        /// Somebody asked.
        case asked = 4
    }

    package var header: CommandHeader
    package var order: ID
    /// Empty: all of the order's, and units without a place.
    package var shipments: [ID]
    package var cause: Cause
    package var note: String

    package init(
        header: CommandHeader,
        order: ID,
        shipments: [ID],
        cause: Cause,
        note: String,
    ) {
        self.header = header
        self.order = order
        self.shipments = shipments
        self.cause = cause
        self.note = note
    }
}

/// What somebody does about an exception.
package struct ExceptionCommand: Sendable {
    package enum Kind: Int16, Sendable {
        case resolve = 3
        case retry = 4
    }

    package var header: CommandHeader
    package var id: ID
    package var kind: Kind
    package var note: String

    package init(header: CommandHeader, id: ID, kind: Kind, note: String) {
        self.header = header
        self.id = id
        self.kind = kind
        self.note = note
    }
}

/// How a command on an exception ended.
package enum ExceptionOutcome: Sendable {
    /// The exception right after it.
    case done(OrderException)
    case refused(Refusal)
}

/// Names a shipment in a node's work, which is in the order of the promises.
package struct WorkCursor: Hashable, Sendable {
    /// Shipments without a promise come last.
    package var dueDay: Day
    package var createdAt: Instant
    package var id: ID

    package init(dueDay: Day, createdAt: Instant, id: ID) {
        self.dueDay = dueDay
        self.createdAt = createdAt
        self.id = id
    }
}

/// Which exceptions to list; empty texts mean any.
package struct ExceptionFilter: Hashable, Sendable {
    package var queue: String
    package var code: String
    package var order: ID?
    package var state: ExceptionState

    package init(queue: String, code: String, order: ID?, state: ExceptionState) {
        self.queue = queue
        self.code = code
        self.order = order
        self.state = state
    }
}

/// Names an exception in the list, which is oldest first.
package struct ExceptionCursor: Hashable, Sendable {
    package var openedAt: Instant
    package var id: ID

    package init(openedAt: Instant, id: ID) {
        self.openedAt = openedAt
        self.id = id
    }
}

/// Shipments and exceptions as the database has them.
package protocol FulfilmentPort: SendableMetatype {
    /// Carries a step out.
    func carryOut(_ command: ShipmentCommand) async throws(Failure) -> ShipmentOutcome

    /// Takes from nodes what is not packed; a worker finds it another place.
    func withdraw(_ command: WithdrawCommand) async throws(Failure) -> OrderOutcome

    /// Resolves or retries an exception.
    func carryOut(_ command: ExceptionCommand) async throws(Failure) -> ExceptionOutcome

    /// The shipment as it is now, or nil.
    func shipment(id: ID) async throws(Failure) -> Shipment?

    /// The shipments of an order, by number, without history.
    func shipments(of order: ID) async throws(Failure) -> [Shipment]

    /// Up to `limit` shipments of a node after `cursor`, without history; no states: those in which
    /// there is something to do.
    func work(
        at node: String,
        in states: [FulfilmentStatus],
        after cursor: WorkCursor?,
        limit: Int,
    ) async throws(Failure) -> [Shipment]

    /// The exception as it is now, or nil.
    func exception(id: ID) async throws(Failure) -> OrderException?

    /// Up to `limit` exceptions after `cursor`, without history.
    func exceptions(
        _ filter: ExceptionFilter,
        after cursor: ExceptionCursor?,
        limit: Int,
    ) async throws(Failure) -> [OrderException]
}
