// Every bound that a caller can meet, in one place; the unit is the last word of the name.

/// Bounds of what may be asked.
package enum Limits {
    /// Lines of one request.
    package static let linesMax = 500
    /// Lines of a cart that is routed.
    package static let cartLinesMax = 100
    /// The weight of one unit.
    package static let weightGramsMax: Int64 = 100_000_000
    /// A postal code, in bytes of UTF-8.
    package static let postalBytesMax = 16
    /// Units of one line.
    package static let quantityMax: Int64 = 1_000_000
    /// Units that a position may hold: far below 2^53, where the numbers of a Lua script end.
    package static let positionUnitsMax: Int64 = 1_000_000_000_000
    /// A SKU, a node or a channel, in bytes of UTF-8.
    package static let nameBytesMax = 64
    /// An idempotency key, an owner, a customer or an external id, in bytes of UTF-8.
    package static let keyBytesMax = 128
    /// A reason, a reference or a note, in bytes of UTF-8.
    package static let noteBytesMax = 256
    /// The price of one unit, in minor units of its currency.
    package static let unitPriceMinorMax: Int64 = 1_000_000_000_000

    /// The shortest hold.
    package static let holdMinMs: Int64 = 1_000
    /// The longest hold.
    package static let holdMaxMs: Int64 = 24 * 60 * 60 * 1_000
    /// A hold whose length nobody stated.
    package static let holdDefaultMs: Int64 = 15 * 60 * 1_000

    /// Rows of one page of positions or ledger entries.
    package static let pageRowsMax = 1_000
    /// Rows of one page of orders.
    package static let orderPageRowsMax = 500
    /// Rows of one page of shipments or exceptions.
    package static let workPageRowsMax = 500
    /// Rows of one page of cycle counts.
    package static let countPageRowsMax = 500
    /// Positions looked at for one page of a moment; each is folded from its whole ledger.
    package static let momentPositionsMax = 500
    /// Reservations looked at for one page of a moment.
    package static let momentReservationsMax = 2_000
}
