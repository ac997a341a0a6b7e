// What a caller may be. Roles add up: a caller may do what any of its roles may.

/// One thing that a caller may be.
package enum Role: String, CaseIterable, Sendable {
    /// Reserves, and reads: a shop or a checkout.
    case caller
    /// Captures the orders of one channel, and sees nothing of the others.
    case channel
    /// Reads; never changes what is true.
    case support
    /// Keeps stock, ships, and repairs.
    case `operator`
    /// Everything.
    case admin

    /// The role as a set of one.
    package var alone: Roles {
        switch self {
        case .caller: .caller
        case .channel: .channel
        case .support: .support
        case .operator: .operator
        case .admin: .admin
        }
    }
}

/// A set of roles; its bits are what `Caller.roles` of the module RPC carries.
package struct Roles: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static let caller = Roles(rawValue: 1)
    package static let channel = Roles(rawValue: 1 << 1)
    package static let support = Roles(rawValue: 1 << 2)
    package static let `operator` = Roles(rawValue: 1 << 3)
    package static let admin = Roles(rawValue: 1 << 4)
    package static let all: Roles = [.caller, .channel, .support, .operator, .admin]

    /// The roles in the order in which they are defined.
    package var list: [Role] { Role.allCases.filter { contains($0.alone) } }
}
