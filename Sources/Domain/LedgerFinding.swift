// What can be wrong with a ledger, and where.

package import Base

/// What is wrong.
///
/// The numbers are those of the checks in the database and of the protocol.
package enum LedgerFault: Int16, CaseIterable, Sendable {
    case chainBroken = 1
    case sealChanged = 2
    case rowChanged = 3
    case rowRemoved = 4
    case rowAdded = 5
    case versionGap = 6
    case freeWrong = 7
    case balanceWrong = 8
    case reservationWrong = 9
}

/// One thing that is wrong, with its place.
package struct LedgerFinding: Hashable, Sendable {
    package var fault: LedgerFault
    /// The seal at fault, or 0.
    package var seal: Int64
    /// The batch at fault, or 0.
    package var batch: Int64
    /// Names the row at fault.
    package var place: String
    package var detail: String

    package init(
        fault: LedgerFault,
        seal: Int64 = 0,
        batch: Int64 = 0,
        place: String,
        detail: String,
    ) {
        self.fault = fault
        self.seal = seal
        self.batch = batch
        self.place = place
        self.detail = detail
    }
}

/// A seal that was checked.
package struct CheckedSeal: Hashable, Sendable {
    package var number: Int64
    /// SHA-256 in hexadecimal digits.
    package var digest: String
    /// Lines that it covers now.
    package var rows: Int64

    package init(number: Int64, digest: String, rows: Int64) {
        self.number = number
        self.digest = digest
        self.rows = rows
    }
}

/// Where the chain of seals ends.
package struct LedgerHead: Hashable, Sendable {
    /// The newest seal; nil when nothing is sealed.
    package var seal: CheckedSeal?
    /// The last batch that is sealed, or 0.
    package var batch: Int64
    package var sealedAt: Instant?
    /// Lines that are committed and not sealed.
    package var unsealedRows: Int64
    /// When the oldest of them was written.
    package var unsealedSince: Instant?
    /// Lines whose batch was never given out.
    package var strangers: [String]

    package init(
        seal: CheckedSeal?,
        batch: Int64,
        sealedAt: Instant?,
        unsealedRows: Int64,
        unsealedSince: Instant?,
        strangers: [String],
    ) {
        self.seal = seal
        self.batch = batch
        self.sealedAt = sealedAt
        self.unsealedRows = unsealedRows
        self.unsealedSince = unsealedSince
        self.strangers = strangers
    }
}
