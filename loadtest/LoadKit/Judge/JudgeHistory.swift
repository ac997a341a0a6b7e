// What callers did and heard, attempt by attempt: the only witness besides Postgres. Plain values; times
// are microseconds of the clock that Postgres has too.

internal import Base

/// One call, as its caller saw it.
struct Attempt: Hashable, Sendable, Codable {
    /// Which server was asked.
    var server: Int
    var begin: Int64
    var end: Int64
    /// OK, the reason of a refusal, or the name of a status that says nothing about the outcome.
    var answer: String
    var message = ""
    /// The SKU that a refusal is about, and what was asked of it.
    var sku: String?
    var requested: Int64?
    /// What came with an OK.
    var hold: Hold?

    /// Whether the caller knows now.
    var isFinal: Bool { isDone || isRefused }
    var isDone: Bool { answer == "OK" }
    /// Whether the server said no; contended is a no for now.
    var isRefused: Bool { !isDone && !Self.unknown.contains(answer) }

    /// Answers that leave open what has happened: the same key has to be asked with again.
    static let unknown: Set<String> = [
        "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "OVERLOADED", "CANCELLED",
        "UNKNOWN",
        "INTERNAL",
    ]
}

/// The answer to a Reserve, as far as it never changes.
struct Hold: Hashable, Sendable, Codable {
    var id: String
    var createdAt: Int64
    var expiresAt: Int64
}

/// Units of a SKU.
struct JudgeLine: Hashable, Sendable, Codable {
    var sku: String
    var quantity: Int64
}

/// What a caller wanted, with one key, and how often it asked.
struct Wish: Hashable, Sendable, Codable {
    enum Kind: String, Hashable, Sendable, Codable {
        case reserve
        /// The key of a hold that was acknowledged, asked with once more.
        case again
        /// That key with another body, which must be refused.
        case reuse
        case confirm
        case release
        case order
        case receive
    }

    var kind: Kind
    /// The idempotency key.
    var key: String
    var lines: [JudgeLine] = []
    var ttlMs: Int64 = 0
    /// The reservation that it is about.
    var reservation: String?
    var attempts: [Attempt] = []
    /// Whether its caller went away without an answer, and never asked again.
    var isAbandoned = false

    /// The last word; nil when none was said.
    var outcome: Attempt? { attempts.last.flatMap { $0.isFinal ? $0 : nil } }
}

/// A row of what callers and a schedule did in a round, to be read by people.
struct JudgeRecord: Sendable, Codable {
    var seed: UInt64
    var round: Int
    var mode: String
    var faults: [Fault]
    /// The faults as they came.
    var runs: [FaultRun]
    var violations: [JudgeViolation]
    var wishes: [Wish]
}

/// Something that must not be.
package struct JudgeViolation: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Which promise is broken.
    package enum Kind: String, Hashable, Sendable, Codable {
        case lost
        case changedAnswer = "changed-answer"
        case takenTwice = "taken-twice"
        case uncalledFor = "uncalled-for"
        case ownerToldNo = "owner-told-no"
        case unjustifiedRefusal = "unjustified-refusal"
        case oversold
        case books
        case expiry
        case unsellable
        case drift
        /// A committed hold that the view neither shows nor holds pending.
        case uncovered
        /// Servers use a Redis that the open epoch does not belong to.
        case unfenced
        case notAtRest = "not-at-rest"
        case serverEnded = "server-ended"
        case vacuous
    }

    package var round: Int
    package var kind: Kind
    package var what: String

    package var description: String { "round \(round): \(kind.rawValue): \(what)" }
}

/// The clock of this machine, as Postgres reads it.
func judgeNow() -> Int64 { SystemClock().now().microseconds }
