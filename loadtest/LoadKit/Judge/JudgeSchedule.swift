// Which fault hits what, and when: a pure function of the seed, so that a round is repeated by its
// numbers. What a real process makes of it is not in our hand.

/// Something that goes wrong.
package enum FaultKind: String, CaseIterable, Sendable {
    case serverKill = "server-kill"
    /// A server whose word reaches Redis late, and which is killed with it on the way.
    case serverLateKill = "server-late-kill"
    case redisKill = "redis-kill"
    case postgresKill = "postgres-kill"
    case everythingKill = "everything-kill"
    case flushAll = "flushall"
    /// FLUSHALL, twice, while one server hears of Redis late: the other one finds out first.
    case lateFlush = "late-flush"
    case scriptFlush = "script-flush"
    case epochDrop = "epoch-drop"
    case positionDrop = "position-drop"
    case failover
    case splitBrain = "split-brain"
    case serverPause = "server-pause"
    case redisPause = "redis-pause"
    case postgresPause = "postgres-pause"
    case redisDelay = "redis-delay"
    case redisCut = "redis-cut"
    case redisSilence = "redis-silence"
    case postgresDelay = "postgres-delay"
    case postgresCut = "postgres-cut"
    /// What Postgres is asked is done, and the connection breaks off instead of the answer.
    case postgresAnswerCut = "postgres-answer-cut"
    case postgresSilence = "postgres-silence"
    case diskFull = "disk-full"
    case redisFull = "redis-full"
    case serverRestart = "server-restart"
    case redisRestart = "redis-restart"
    case redisStale = "redis-stale"
    case postgresRestart = "postgres-restart"
    case postgresImmediate = "postgres-immediate"

    /// How long it lasts, in milliseconds: for what is down, until it is started again.
    var lasting: ClosedRange<Int> {
        switch self {
        case .flushAll, .scriptFlush, .epochDrop, .positionDrop: 0...0
        case .serverRestart, .postgresRestart: 0...200
        // Beyond the second after which a server gives a connection to Redis up.
        case .redisPause: 100...2_500
        // Beyond the life of a pending hold.
        case .serverPause, .postgresPause: 200...2_500
        case .redisSilence, .postgresSilence: 50...1_500
        case .redisDelay, .postgresDelay: 200...1_000
        // Longer than the way to Redis and back, so that something is on it at the end.
        case .serverLateKill: 600...1_000
        case .lateFlush: 1_000...1_500
        // Longer than the server's attempts at one batch.
        case .postgresAnswerCut: 300...1_000
        case .diskFull, .redisFull: 300...1_000
        default: 0...600
        }
    }
}

/// One fault of a round.
struct Fault: Hashable, Sendable, Codable {
    /// Milliseconds from the beginning of the round.
    var atMs: Int
    var kind: FaultKind
    /// Which of the two servers, where one of them is hit.
    var server: Int
    var lastingMs: Int
    /// Draws what else there is to choose.
    var seed: UInt64
}

extension FaultKind: Codable {}

/// A fault as it came: from the beginning until what it ended ran again.
struct FaultRun: Hashable, Sendable, Codable, CustomStringConvertible {
    var kind: FaultKind
    /// Milliseconds from the beginning of the round.
    var beganMs: Int
    var endedMs: Int

    var description: String { "\(kind.rawValue) \(beganMs) to \(endedMs) ms" }
}

/// The faults of a trial.
enum JudgeSchedule {
    /// The most faults of one round.
    static let faultsMax = 3

    /// The faults of a round, in the order of their beginnings.
    ///
    /// Each kind has its turn as the first one of a round, so that none is left out by chance.
    static func faults(
        _ kinds: [FaultKind],
        seed: UInt64,
        round: Int,
        seconds: Double,
    ) -> [Fault] {
        var random = JudgeRandom(seed, UInt64(round), 1)
        let count = Int.random(in: 1...faultsMax, using: &random)
        let end = Int(seconds * 1_000)
        return (0..<count)
            .map { number in
                let drawn = kinds.randomElement(using: &random) ?? .serverKill
                let kind = number == 0 ? kinds[round % kinds.count] : drawn
                return Fault(
                    atMs: Int.random(in: end / 8...end * 7 / 8, using: &random),
                    kind: kind,
                    server: Int.random(in: 0...1, using: &random),
                    lastingMs: Int.random(in: kind.lasting, using: &random),
                    seed: random.next(),
                )
            }
            .sorted { ($0.atMs, $0.kind.rawValue) < ($1.atMs, $1.kind.rawValue) }
    }
}
