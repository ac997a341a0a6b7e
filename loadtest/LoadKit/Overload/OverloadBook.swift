// What the generator knows while it runs: the ids that calls can be about, and the counts of the level
// that is under way. Confined to the generator's loop.

internal import Base
internal import RPC

final class OverloadBook {
    /// Reads ask for one of the last so many reservations.
    private static let readableMax = 4_096
    /// Answers that were seen before are not decoded again; more kinds than this are.
    private static let meaningsMax = 4_096

    private let isReserveOnly: Bool
    private var number = 0
    /// Holds that nobody has confirmed yet.
    private var held: [ID] = []
    private var readable: [ID] = []
    private var counts = [OverloadCount](repeating: .init(), count: OverloadCall.allCases.count)
    private var latencies: [Int] = []
    private var behind: [Int] = []
    private var level = OverloadLevel()
    /// On the clock of `NIODeadline`, in nanoseconds; nil when the level has accepted nothing.
    private(set) var lastAcceptedAt: UInt64?
    /// Calls that are due and have not ended.
    private(set) var open = 0
    private(set) var reservedEver = 0
    private(set) var confirmedEver = 0
    /// What answers said that were not OK, and how often in this level.
    private var meanings: [Meaning] = []
    private var seen: [Seen: Int] = [:]
    private var last = (seen: Seen(status: -1, details: []), meaning: 0)

    private struct Seen: Hashable {
        var status: Int
        var details: [UInt8]
    }

    /// What an answer that is not OK says.
    private struct Meaning {
        var reason: String
        var isRefusal: Bool
        /// When to come again, in milliseconds.
        var delay: Int?
        var count = 0
    }

    init(_ options: OverloadOptions) {
        isReserveOnly = options.isReserveOnly
    }

    var heldCount: Int { held.count }

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
        case 2, 4, 6, 8: readable.isEmpty ? .reserve : .read
        default: .reserve
        }
    }

    func takeHold() -> ID? { held.popLast() }
    /// A hold whose confirmation did not come to anything, as far as is known.
    func putBack(_ id: ID) { held.append(id) }
    /// One of the last reservations; there is one whenever `nextKind` says that a read is due.
    func known(_ number: Int) -> ID { readable[number % readable.count] }

    /// Notes a new hold.
    func reserved(_ id: ID) {
        held.append(id)
        reservedEver += 1
        if readable.count < Self.readableMax {
            readable.append(id)
        } else {
            readable[reservedEver % Self.readableMax] = id
        }
    }

    func confirmed() { confirmedEver += 1 }

    // MARK: Counts

    /// A call is due, and the generator sees it so much later than it was meant.
    func due(microsecondsBehind: Int) {
        open += 1
        behind.append(microsecondsBehind)
    }

    /// A call that was due is made.
    func started(_ kind: OverloadCall) { counts[kind.rawValue].offered += 1 }

    /// A call that is due and cannot even wait.
    func unmade(_ kind: OverloadCall) {
        counts[kind.rawValue].offered += 1
        counts[kind.rawValue].failed += 1
        level.errors["TOO_MANY_OPEN_IN_THE_GENERATOR", default: 0] += 1
    }

    /// A call whose time was over before a stream was free for it.
    func tooLate(_ kind: OverloadCall) {
        open -= 1
        counts[kind.rawValue].offered += 1
        counts[kind.rawValue].failed += 1
        level.errors["NO_STREAM_IN_TIME", default: 0] += 1
    }

    func accepted(_ kind: OverloadCall, microseconds: Int, at now: UInt64) {
        counts[kind.rawValue].accepted += 1
        latencies.append(microseconds)
        lastAcceptedAt = now
        open -= 1
    }

    /// A call ended in another way; says when to come again, in milliseconds.
    func ended(_ kind: OverloadCall, _ answer: borrowing DirectAnswer) -> Int? {
        open -= 1
        let number = meaning(of: answer)
        meanings[number].count += 1
        if meanings[number].isRefusal {
            counts[kind.rawValue].refused += 1
        } else {
            counts[kind.rawValue].failed += 1
        }
        return meanings[number].delay
    }

    private func meaning(of answer: borrowing DirectAnswer) -> Int {
        if let failure = answer.transportFailure {
            return number(of: Meaning(reason: "TRANSPORT: \(failure)", isRefusal: false))
        }
        if answer.status == last.seen.status, answer.details == last.seen.details {
            return last.meaning
        }
        let new = Seen(status: answer.status, details: answer.details)
        if let known = seen[new] {
            last = (new, known)
            return known
        }
        let code = StatusCode(rawValue: answer.status) ?? .unknown
        var meaning = Meaning(
            reason: code.name,
            isRefusal: code == .resourceExhausted || code == .unavailable,
        )
        for detail in answer.decodedDetails {
            switch detail {
            case .errorInfo(let reason, _, _): meaning.reason += " \(reason)"
            case .retryInfo(let milliseconds): meaning.delay = Int(milliseconds)
            default: break
            }
        }
        let number = number(of: meaning)
        if seen.count < Self.meaningsMax { seen[new] = number }
        last = (new, number)
        return number
    }

    private func number(of meaning: Meaning) -> Int {
        let before = meanings.firstIndex {
            $0.reason == meaning.reason && $0.isRefusal == meaning.isRefusal
                && $0.delay == meaning.delay
        }
        if let before { return before }
        meanings.append(meaning)
        return meanings.count - 1
    }

    /// Closes a level, and begins the next one with nothing counted.
    func close(seconds: Double) -> OverloadLevel {
        var closed = level
        closed.seconds = seconds
        for kind in OverloadCall.allCases { closed.calls[kind.name] = counts[kind.rawValue] }
        for index in meanings.indices where meanings[index].count > 0 {
            let meaning = meanings[index]
            if meaning.isRefusal {
                closed.refusals[meaning.reason, default: 0] += meaning.count
                if meaning.delay != nil { closed.refusalsWithDelay += meaning.count }
            } else {
                closed.errors[meaning.reason, default: 0] += meaning.count
            }
            meanings[index].count = 0
        }
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
