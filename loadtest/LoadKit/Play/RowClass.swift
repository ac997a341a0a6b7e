// The classes that the rows of the input end in, each row in exactly one.

/// What became of a row.
package enum RowClass: Hashable, Sendable, Comparable {
    /// A line of an order that was placed.
    case ordered
    /// A credit that took at least one unit from an order not yet shipped.
    case cancelled
    /// A credit that brought at least one shipped unit back, and cancelled none.
    case returned
    /// A credit that no order of the file explains; its units came back into stock.
    case unmatchedReturn
    /// A stock adjustment.
    case adjusted
    /// Not done, for a reason that has a name.
    case refused(String)

    package var name: String {
        switch self {
        case .ordered: "ordered"
        case .cancelled: "cancelled"
        case .returned: "returned"
        case .unmatchedReturn: "unmatched_return"
        case .adjusted: "adjusted"
        case .refused(let reason): "refused:\(reason)"
        }
    }

    /// The class of a credited row: the first of cancelled, returned, unmatched that any unit of it
    /// is; a row of which no unit was ever sold is refused.
    package static func credit(_ slices: [CreditSlice]) -> RowClass {
        var best = 3
        for slice in slices {
            switch slice.kind {
            case .cancel: best = min(best, 0)
            case .returned: best = min(best, 1)
            case .unmatched: best = min(best, 2)
            case .neverSold: break
            }
        }
        return [.cancelled, .returned, .unmatchedReturn, .refused("ORDER_REFUSED")][best]
    }
}
