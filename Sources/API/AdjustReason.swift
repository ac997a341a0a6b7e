// Why units on hand are corrected: the words of the ledger and the numbers of the protocol.

internal import Messages

/// The reasons for an adjustment, as the ledger spells them.
enum AdjustReason: String {
    case count = "COUNT"
    case damage = "DAMAGE"
    case loss = "LOSS"
    case found = "FOUND"
    case `return` = "RETURN"
    case correction = "CORRECTION"
    case other = "OTHER"

    init?(_ reason: Holdfast_V1_AdjustReason) {
        switch reason {
        case .count: self = .count
        case .damage: self = .damage
        case .loss: self = .loss
        case .found: self = .found
        case .return: self = .return
        case .correction: self = .correction
        case .other: self = .other
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }
}

extension Holdfast_V1_AdjustReason {
    /// The reason that the ledger spells so; unspecified for any other word.
    init(ledgerText: String) {
        self =
            switch AdjustReason(rawValue: ledgerText) {
            case .count?: .count
            case .damage?: .damage
            case .loss?: .loss
            case .found?: .found
            case .return?: .return
            case .correction?: .correction
            case .other?: .other
            case nil: .unspecified
            }
    }
}
