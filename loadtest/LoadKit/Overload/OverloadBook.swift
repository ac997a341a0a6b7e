// What the generator knows while it runs: the ids that calls can be about, and the counts of the level
// that is under way. Confined to the generator's loop.

internal import RPC

final class OverloadBook {
    /// Reads ask for one of the last so many reservations.
    private static let knownMax = 4_096

    private let run: String
    private let skus: Int
    private let isReserveOnly: Bool
    private var number = 0
    /// Holds that nobody has confirmed yet.
    private var held: [String] = []
    private var known: [String] = []
    private var counts = [OverloadCount](repeating: .init(), count: OverloadCall.allCases.count)
    private var latencies: [Int] = []
    private var behind: [Int] = []
    private var level = OverloadLevel()
    private(set) var lastAcceptedAt: ContinuousClock.Instant?
    private(set) var open = 0
    private(set) var reservedEver = 0
    private(set) var confirmedEver = 0

    init(_ options: OverloadOptions) {
        run = options.run
        skus = options.skus
        isReserveOnly = options.isReserveOnly
    }

    var heldCount: Int { held.count }
    /// A SKU for each number, in turn.
    func sku(_ number: Int) -> String { "overload-\(run)-\(number % skus)" }
    var node: String { "overload-\(run)" }

    /// A number that no call had before; keys are made of it.
    func nextNumber() -> Int {
        number += 1
        return number
    }

    // MARK: The mix

    /// One Confirm, five Reserves and four GetReservations of every ten; while there is nothing to
    /// confirm or to read, a Reserve takes the place.
    func nextKind(_ number: Int) -> OverloadCall {
        if isReserveOnly { return .reserve }
        return switch number % 10 {
        case 0: held.isEmpty ? .reserve : .confirm
        case 2, 4, 6, 8: known.isEmpty ? .reserve : .read
        default: .reserve
        }
    }

    func takeHold() -> String? { held.popLast() }
    /// A hold whose confirmation did not come to anything, as far as is known.
    func putBack(_ id: String) { held.append(id) }
    func knownID(_ number: Int) -> String? {
        known.isEmpty ? nil : known[number % known.count]
    }

    /// Notes a new hold.
    func reserved(_ id: String) {
        held.append(id)
        reservedEver += 1
        if known.count < Self.knownMax {
            known.append(id)
        } else {
            known[reservedEver % Self.knownMax] = id
        }
    }

    func confirmed() { confirmedEver += 1 }

    // MARK: Counts

    func started(_ kind: OverloadCall, microsecondsBehind: Int) {
        counts[kind.rawValue].offered += 1
        behind.append(microsecondsBehind)
        open += 1
    }

    /// A call that was due and could not be made.
    func unmade(_ kind: OverloadCall) {
        counts[kind.rawValue].offered += 1
        counts[kind.rawValue].failed += 1
        level.errors["TOO_MANY_OPEN_IN_THE_GENERATOR", default: 0] += 1
    }

    /// A call that was made so late that its time was over.
    func tooLate(_ kind: OverloadCall) {
        open -= 1
        counts[kind.rawValue].failed += 1
        level.errors["TOO_LATE_IN_THE_GENERATOR", default: 0] += 1
    }

    func accepted(_ kind: OverloadCall, microseconds: Int, at now: ContinuousClock.Instant) {
        counts[kind.rawValue].accepted += 1
        latencies.append(microseconds)
        lastAcceptedAt = now
        open -= 1
    }

    func ended(_ kind: OverloadCall, _ status: Status) {
        open -= 1
        guard status.code == .resourceExhausted || status.code == .unavailable else {
            counts[kind.rawValue].failed += 1
            level.errors[status.reason, default: 0] += 1
            return
        }
        counts[kind.rawValue].refused += 1
        level.refusals["\(status.reason) \(status.message)", default: 0] += 1
        if status.retryMs != nil { level.refusalsWithDelay += 1 }
    }

    /// Closes a level, and begins the next one with nothing counted.
    func close(seconds: Double) -> OverloadLevel {
        var closed = level
        closed.seconds = seconds
        for kind in OverloadCall.allCases { closed.calls[kind.name] = counts[kind.rawValue] }
        latencies.sort()
        behind.sort()
        closed.p50Microseconds = Self.part(latencies, 0.5)
        closed.p99Microseconds = Self.part(latencies, 0.99)
        closed.behindP99Microseconds = Self.part(behind, 0.99)
        level = OverloadLevel()
        counts = counts.map { _ in OverloadCount() }
        latencies = []
        behind = []
        lastAcceptedAt = nil
        return closed
    }

    private static func part(_ sorted: [Int], _ share: Double) -> Int {
        sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }
}
