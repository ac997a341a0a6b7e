// One unit of work: what is sent between two synchronisation points and therefore commits, or does
// not, as a whole.

internal import Base

/// What is called with a unit's outcome, once, on the Postgres thread.
typealias UnitCompletion = @Sendable (Result<[PostgresResult], PostgresError>) -> Void

/// One statement with its parameters.
struct Step: Sendable {
    let statement: Statement
    let parameters: EncodedParameters
}

/// Statements between two synchronisation points, or a script outside pipeline mode.
struct Unit: Sendable {
    enum Work: Sendable {
        case statements([Step])
        /// Several statements in one string, without parameters and results.
        case script(String)
    }

    let work: Work
    /// When the unit was submitted, milliseconds of the monotonic clock.
    let submittedAtMs: UInt64
    /// Until when somebody waits for the outcome: the unit is not sent after that.
    let deadline: Deadline
    let completion: UnitCompletion

    /// Whether the server must give it up when its caller does.
    var isBounded: Bool {
        guard deadline != .never, case .statements(let steps) = work else { return false }
        return steps.contains { $0.statement.mayTakeLong }
    }
}

/// Where a unit may run.
enum Route: Sendable {
    case lane(Lane)
    case session(UInt64)
}

/// What other threads ask of the Postgres thread.
enum Command: Sendable {
    case submit(Unit, Route)
    case openSession(UInt64, SessionOpening)
    case closeSession(UInt64)
    /// A connection attempt on a helper thread has ended.
    case connected(SlotID, Result<Link, PostgresError>)
    /// Answer what is accepted, for at most so long, then end the thread.
    case shutDown(graceMs: Int, @Sendable () -> Void)
}

/// How a session wants its connection, and what to call with its server process id.
struct SessionOpening: Sendable {
    let statementTimeoutMs: Int
    let completion: @Sendable (Result<Int32, PostgresError>) -> Void
}

/// Names the place that a connection fills.
enum SlotID: Sendable, Hashable {
    case writer(Int)
    case pool(Int)
    case session(UInt64)
}
