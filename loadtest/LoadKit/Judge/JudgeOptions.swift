// What a trial is asked to do: which faults, how often, and by which numbers it is repeated.

/// The faults of a trial.
package enum JudgeMode: String, CaseIterable, Sendable {
    case kill
    case flush
    case failover
    case pause
    case net
    case disk
    case oom
    case restart
    case all

    /// What it does, in a line.
    package var summary: String {
        switch self {
        case .kill: "kill -9 of a server, of Redis, of Postgres, of everything at once"
        case .flush: "FLUSHALL, lost scripts, lost epoch and lost positions in Redis"
        case .failover: "Redis fails over to its replica and back, for one server later"
        case .pause: "a server, Redis or Postgres stands still for longer than time-outs"
        case .net: "connections to Redis and Postgres delay, break off and lose replies"
        case .disk: "the file system of Postgres is full (as root only)"
        case .oom: "Redis is at its memory limit"
        case .restart: "orderly, immediate and stale restarts of each"
        case .all: "all of these"
        }
    }

    /// The kinds of faults that it draws from.
    package var kinds: [FaultKind] {
        switch self {
        case .kill: [.serverKill, .serverLateKill, .redisKill, .postgresKill, .everythingKill]
        case .flush: [.flushAll, .lateFlush, .scriptFlush, .epochDrop, .positionDrop]
        case .failover: [.failover, .splitBrain]
        case .pause: [.serverPause, .redisPause, .postgresPause]
        case .net:
            [
                .redisDelay, .redisCut, .redisSilence, .postgresDelay, .postgresCut,
                .postgresSilence, .postgresAnswerCut,
            ]
        case .disk: [.diskFull]
        case .oom: [.redisFull]
        case .restart:
            [.serverRestart, .redisRestart, .redisStale, .postgresRestart, .postgresImmediate]
        case .all: FaultKind.allCases
        }
    }
}

/// A trial could not be held; that says nothing about the product.
package struct JudgeFailure: Error, Hashable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// What to try, and how long.
package struct JudgeOptions: Sendable {
    package var mode: JudgeMode
    package var rounds = 10
    /// Faults, and what callers ask for, follow from it.
    package var seed: UInt64 = 1
    /// The number of the first round: a later round is repeated by itself with it.
    package var firstRound = 1
    /// How long callers call in each round.
    package var secondsPerRound = 2.0
    /// Callers, each with one call at a time.
    package var callers = 12
    /// The server's program.
    package var holdfast: String
    /// Names a step of the protocol that the servers leave out; only a debug build can.
    package var brokenStep: String?
    /// Where histories of rounds with violations are written.
    package var folder = "."
    /// Whether the trial ends with the first round that has a violation.
    package var stopsAtViolation = false

    package init(mode: JudgeMode, holdfast: String) {
        self.mode = mode
        self.holdfast = holdfast
    }

    /// What is wrong with the options, if anything.
    package var problem: String? {
        if !(1...1_000_000).contains(rounds) { return "--rounds takes 1 to 1,000,000" }
        if firstRound < 1 { return "--first-round takes 1 or more" }
        if !(0.5...600).contains(secondsPerRound) {
            return "--seconds-per-round takes 0.5 to 600"
        }
        if !(2...1_000).contains(callers) { return "--callers takes 2 to 1,000" }
        return nil
    }
}
