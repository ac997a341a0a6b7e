// Refusals that are given again and again, such as "sold out" during a flash sale, with their bytes for
// the wire. Confined to one loop.

internal import Domain
internal import RPC

/// The statuses of the latest refusals.
final class RefusalBook {
    /// How many are kept; then all are forgotten, and the popular ones come back at once.
    private static let refusalsMax = 256

    private var statuses: [Refusal: Status] = [:]

    /// What the caller is told about a refusal.
    ///
    /// Only those are kept that many callers hear alike; others name what belongs to one of them.
    func status(_ refusal: Refusal) -> Status {
        switch refusal {
        case .soldOut, .contended: break
        default: return Status(refusal)
        }
        if let status = statuses[refusal] { return status }
        if statuses.count >= Self.refusalsMax { statuses.removeAll(keepingCapacity: true) }
        let status = Status(refusal).ready()
        statuses[refusal] = status
        return status
    }
}
