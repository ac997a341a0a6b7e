// The face of this module: any thread may submit units, one thread of its own talks to the servers.
// A unit is answered after its synchronisation point, that is after its commit, never before.

package import Base
private import Synchronization

/// Connections to one Postgres, in pipeline mode, on one thread.
package final class PostgresClient: Sendable {
    package let configuration: PostgresConfiguration
    private let inbox: Inbox
    private let nextSession = Atomic<UInt64>(1)

    package init(configuration: PostgresConfiguration) {
        invariant(configuration.connections >= 1, "a pool needs a connection")
        invariant(configuration.writers >= 0, "writers cannot be negative")
        invariant(configuration.queueMax >= 1, "a queue needs a place")
        invariant(configuration.inFlightMax >= 1, "a pipeline needs a place")
        self.configuration = configuration
        inbox = Inbox(queueMax: configuration.queueMax)
    }

    /// Starts the thread, which begins to connect; once, before anything is submitted.
    ///
    /// Throws `connectFailed` when the connection string cannot be read or no thread can be had. A
    /// server that is down is no error here: units wait for it as long as `queueTimeoutMs`.
    package func start() throws(PostgresError) {
        let settings = try ConnectionSettings(configuration)
        try Engine.start(configuration: configuration, settings: settings, inbox: inbox)
    }

    /// Answers what was accepted, for at most `graceMs`, then closes all connections.
    package func shutdown(graceMs: Int = 5_000) async {
        await withCheckedContinuation { continuation in
            let accepted = inbox.send(
                .shutDown(graceMs: graceMs) { continuation.resume() },
                closing: true,
            )
            if !accepted { continuation.resume() }
        }
    }

    package func statistics() -> PostgresStatistics { inbox.statistics() }

    // MARK: Units

    /// Sends one statement as a unit of its own.
    ///
    /// `completion` runs once, on the Postgres thread (or at once on the caller's when the unit is
    /// refused), and must be short.
    package func submit(
        _ statement: Statement,
        _ parameters: [PostgresValue],
        lane: Lane = .pool,
        deadline: Deadline = .never,
        _ completion: @escaping @Sendable (Result<PostgresResult, PostgresError>) -> Void,
    ) {
        submitTransaction([(statement, parameters)], lane: lane, deadline: deadline) { outcome in
            completion(outcome.map { $0[0] })
        }
    }

    /// Sends several statements as one unit, which is one transaction; fails with `late` when that
    /// cannot be done before `deadline`.
    package func submitTransaction(
        _ statements: [(Statement, [PostgresValue])],
        lane: Lane = .pool,
        deadline: Deadline = .never,
        _ completion: @escaping @Sendable (Result<[PostgresResult], PostgresError>) -> Void,
    ) {
        if case .writer(let index) = lane {
            invariant(
                index >= 0 && index < configuration.writers,
                "writer \(index) of \(configuration.writers)",
            )
        }
        submit(statements, .lane(lane), deadline, completion)
    }

    /// Runs one statement and waits for its commit; resumes where the caller runs.
    ///
    /// It is not sent after the deadline of the task. Cancelling the task does not cancel the
    /// statement.
    package func execute(
        _ statement: Statement,
        _ parameters: [PostgresValue],
        lane: Lane = .pool,
    ) async throws(PostgresError) -> PostgresResult {
        try await transaction(lane: lane, [(statement, parameters)])[0]
    }

    /// Runs the statements as one transaction, in one round trip; all of them commit, or none.
    ///
    /// The transaction is the implicit one between two synchronisation points: do not pass BEGIN or
    /// COMMIT. The results have the order of the statements.
    package func transaction(
        lane: Lane = .pool,
        _ statements: [(Statement, [PostgresValue])],
    ) async throws(PostgresError) -> [PostgresResult] {
        let outcome = await withCheckedContinuation { continuation in
            submitTransaction(statements, lane: lane, deadline: .current) {
                continuation.resume(returning: $0)
            }
        }
        return try outcome.get()
    }

    /// Runs a script of several statements, for migrations, on a connection of its own.
    ///
    /// Without BEGIN and COMMIT in it the script is one transaction. No statement timeout applies.
    package func simple(_ sql: String) async throws(PostgresError) {
        let session = try await openSession(statementTimeoutMs: 0)
        defer { session.close() }
        try await session.simple(sql)
    }

    /// Lends an exclusive connection to `body`, opened for it and closed after it.
    ///
    /// Throws `connectFailed` when there is no connection, else what `body` throws. No statement
    /// timeout applies unless one is given, milliseconds.
    package func withSession<Value>(
        statementTimeoutMs: Int = 0,
        _ body: (PostgresSession) async throws -> Value,
    ) async throws -> Value {
        let session = try await openSession(statementTimeoutMs: statementTimeoutMs)
        defer { session.close() }
        return try await body(session)
    }

    // MARK: Private

    private func openSession(
        statementTimeoutMs: Int
    ) async throws(PostgresError) -> PostgresSession {
        let (id, _) = nextSession.add(1, ordering: .relaxed)
        let outcome = await withCheckedContinuation { continuation in
            let opening = SessionOpening(statementTimeoutMs: statementTimeoutMs) {
                continuation.resume(returning: $0)
            }
            if !inbox.send(.openSession(id, opening)) {
                continuation.resume(returning: .failure(PostgresError(.shutDown, "")))
            }
        }
        return PostgresSession(id: id, backendPID: try outcome.get(), client: self)
    }

    fileprivate func closeSession(_ id: UInt64) {
        // When the thread has ended, so has the connection.
        _ = inbox.send(.closeSession(id))
    }

    fileprivate func submit(
        _ statements: [(Statement, [PostgresValue])],
        _ route: Route,
        _ deadline: Deadline,
        _ completion: @escaping UnitCompletion,
    ) {
        invariant(!statements.isEmpty, "a unit has at least one statement")
        let steps = statements.map { statement, parameters in
            Step(
                statement: statement,
                parameters: EncodedParameters(parameters, for: statement),
            )
        }
        submit(.statements(steps), route, deadline, completion)
    }

    fileprivate func submit(
        _ work: Unit.Work,
        _ route: Route,
        _ deadline: Deadline,
        _ completion: @escaping UnitCompletion,
    ) {
        let now = Deadline.now
        let unit = Unit(
            work: work,
            submittedAtMs: now.milliseconds,
            deadline: deadline,
            completion: completion,
        )
        if let refusal = inbox.submit(unit, route, now: now) {
            completion(.failure(refusal))
        }
    }
}

/// An exclusive connection, for session-level advisory locks and scripts.
///
/// It never reconnects: once lost, everything fails with `connectionLost`.
package final class PostgresSession: Sendable {
    private let id: UInt64
    /// The server process of this connection.
    package let backendPID: Int32
    private let client: PostgresClient

    fileprivate init(id: UInt64, backendPID: Int32, client: PostgresClient) {
        self.id = id
        self.backendPID = backendPID
        self.client = client
    }

    /// Runs one statement; outside a transaction of the session it commits at once.
    package func execute(
        _ statement: Statement,
        _ parameters: [PostgresValue] = [],
    ) async throws(PostgresError) -> PostgresResult {
        let outcome = await withCheckedContinuation { continuation in
            client.submit([(statement, parameters)], .session(id), .never) {
                continuation.resume(returning: $0)
            }
        }
        return try outcome.get()[0]
    }

    /// Runs a script of several statements without parameters and results.
    package func simple(_ sql: String) async throws(PostgresError) {
        let outcome = await withCheckedContinuation { continuation in
            client.submit(.script(sql), .session(id), .never) {
                continuation.resume(returning: $0)
            }
        }
        _ = try outcome.get()
    }

    fileprivate func close() {
        client.closeSession(id)
    }
}
