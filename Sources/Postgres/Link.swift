// One live connection in pipeline mode: sends units, matches results to them, knows which statements
// its server process has prepared. It ends for good when the connection is lost; whoever owns it
// opens another one.
//
// It never blocks, and it never delivers a result before the unit's synchronisation point: in a
// pipeline the rows of a transaction come before its commit.

internal import Base
internal import CLibpq
internal import DequeModule

/// A connection and the units in its pipeline.
///
/// Made on a helper thread, handed to the Postgres thread once, and used there only.
final class Link: @unchecked Sendable {
    private enum Preparation {
        /// Sent; units that need the statement wait, because an error may skip it.
        case sent(sql: String)
        case done(sql: String)
    }

    private let handle: ConnectionHandle
    private var prepared: [String: Preparation] = [:]
    private var inFlight = Deque<Flight>()
    /// When the first unit in flight became the first, milliseconds of the monotonic clock.
    private var headSinceMs: UInt64 = 0
    /// What the server said when it ended the connection.
    private var farewell: PostgresError?
    /// Set when this connection should be replaced as soon as nothing is in flight.
    private(set) var isRetired = false
    /// Whether output waits for the socket to become writable.
    private(set) var wantsWrite = false
    private(set) var notices = 0
    /// Whether this is the exclusive connection of a session: it may hold transactions open.
    private let isSession: Bool

    init(_ handle: consuming ConnectionHandle, isSession: Bool) {
        self.handle = handle
        self.isSession = isSession
    }

    // MARK: Facts

    var descriptor: Int32 { unsafe PQsocket(handle.pointer) }
    var backendPID: Int32 { unsafe PQbackendPID(handle.pointer) }
    var depth: Int { inFlight.count }
    var lastError: PostgresError {
        farewell ?? PostgresError(.connectionLost, handle.errorMessage)
    }

    /// Whether `unit` may be sent now.
    func accepts(_ unit: Unit, depthMax: Int) -> Bool {
        if isRetired || inFlight.count >= depthMax { return false }
        if let head = inFlight.first, head.isScript { return false }
        switch unit.work {
        case .script: return inFlight.isEmpty
        case .statements(let steps):
            return steps.allSatisfy { step in
                !isPreparing(step.statement)
            } && !(unit.isBounded && isPreparing(.limitTime))
        }
    }

    private func isPreparing(_ statement: Statement) -> Bool {
        if case .sent? = prepared[statement.name] { true } else { false }
    }

    /// Milliseconds until the first unit in flight is overdue; nil when there is none.
    func overdueIn(nowMs: UInt64, replyTimeoutMs: Int) -> Int? {
        if inFlight.isEmpty || replyTimeoutMs == 0 { return nil }
        return replyTimeoutMs - Int(nowMs - headSinceMs)
    }

    /// Asks libpq to report notices to this object, which must not move or end before the handle.
    func adopt() {
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe PQsetNoticeReceiver(handle.pointer, noticeReceived, this)
    }

    // MARK: Sending

    /// Puts a unit into the pipeline; false when the connection is lost.
    ///
    /// `limitMs`: how long each of its statements may take, when that is less than usual.
    func send(_ unit: Unit, nowMs: UInt64, limitMs: Int64?) -> Bool {
        if inFlight.isEmpty { headSinceMs = nowMs }
        switch unit.work {
        case .script(let sql):
            inFlight.append(Flight(unit, expecting: [], isScript: true))
            return unsafe PQexitPipelineMode(handle.pointer) == 1
                && PQsendQuery(handle.pointer, sql) == 1
        case .statements(let steps):
            var answers: [Flight.Answer] = []
            var isSent = true
            if let limitMs {
                let limit = Step(limitMs: limitMs)
                isSent = prepareIfNew(limit.statement, &answers) && execute(limit)
                answers.append(.limited)
            }
            for step in steps {
                isSent = isSent && prepareIfNew(step.statement, &answers)
                isSent = isSent && execute(step)
                answers.append(.executed)
            }
            inFlight.append(Flight(unit, expecting: answers, isScript: false))
            return unsafe isSent && PQpipelineSync(handle.pointer) == 1
        }
    }

    private func prepareIfNew(_ statement: Statement, _ answers: inout [Flight.Answer]) -> Bool {
        switch prepared[statement.name] {
        case .sent(let sql), .done(let sql):
            // `sent` is an earlier step of the same unit; if that fails this one is skipped.
            invariant(sql == statement.sql, "two statements are named \(statement.name)")
            return true
        case nil:
            invariant(
                isSession || !controlsTransaction(statement.sql),
                "\(statement.name) would leave a transaction open behind its unit",
            )
            prepared[statement.name] = .sent(sql: statement.sql)
            answers.append(.prepared(statement.name))
            return unsafe PQsendPrepare(
                handle.pointer,
                statement.name,
                statement.sql,
                Int32(statement.parameterTypes.count),
                statement.parameterTypes,
            ) == 1
        }
    }

    private func execute(_ step: Step) -> Bool {
        let lengths = step.parameters.lengths
        let count = lengths.count
        let formats = [Int32](repeating: 1, count: count)
        return unsafe step.parameters.bytes.withUnsafeBufferPointer { bytes in
            var values: [UnsafePointer<CChar>?] = unsafe []
            unsafe values.reserveCapacity(count)
            var offset = 0
            for length in lengths {
                guard length >= 0, let base = bytes.baseAddress else {
                    unsafe values.append(nil)
                    continue
                }
                let value = unsafe UnsafeRawPointer(base + offset)
                unsafe values.append(value.assumingMemoryBound(to: CChar.self))
                offset += Int(length)
            }
            return unsafe PQsendQueryPrepared(
                handle.pointer,
                step.statement.name,
                Int32(count),
                values,
                lengths,
                formats,
                1,
            ) == 1
        }
    }

    /// Writes what is buffered, as far as the socket takes it; false when the connection is lost.
    func flush() -> Bool {
        let left = unsafe PQflush(handle.pointer)
        wantsWrite = left == 1
        return left >= 0
    }

    // MARK: Receiving

    /// Reads what the socket has and appends the units that were answered; false when the
    /// connection is lost (after everything that came before its end was used).
    func receive(nowMs: UInt64, _ outcomes: inout [Outcome]) -> Bool {
        let isOpen = unsafe PQconsumeInput(handle.pointer) == 1
        if inFlight.isEmpty {
            // Lets libpq digest what comes unasked, such as a farewell.
            _ = unsafe PQisBusy(handle.pointer)
        }
        var nothingTwice = false
        while !inFlight.isEmpty, unsafe PQisBusy(handle.pointer) == 0 {
            guard let pointer = unsafe PQgetResult(handle.pointer) else {
                if inFlight[0].isScript {
                    if farewell != nil { return false }
                    finishHead(nowMs: nowMs, &outcomes)
                    guard unsafe PQenterPipelineMode(handle.pointer) == 1 else { return false }
                    continue
                }
                // Null stands between the results of two messages; twice means: no more.
                if nothingTwice { break }
                nothingTwice = true
                continue
            }
            nothingTwice = false
            let result = unsafe ResultHandle(owning: pointer)
            guard use(result, nowMs: nowMs, &outcomes) else { return false }
        }
        if !isOpen { return false }
        return unsafe PQstatus(handle.pointer) == CONNECTION_OK
    }

    /// Uses one result; false when the connection cannot go on.
    private func use(
        _ result: consuming ResultHandle,
        nowMs: UInt64,
        _ outcomes: inout [Outcome],
    ) -> Bool {
        switch unsafe PQresultStatus(result.pointer) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            if let name = inFlight[0].succeeded(PostgresResult(box: ResultBox(result))) {
                guard case .sent(let sql)? = prepared[name] else {
                    invariantBroken("\(name) was prepared unasked")
                }
                prepared[name] = .done(sql: sql)
            }
            return true
        case PGRES_FATAL_ERROR:
            guard let (error, endsConnection) = result.serverError() else { return false }
            if endsConnection {
                farewell = error
                return true
            }
            retireAfter(error)
            if let name = inFlight[0].failed(error) { prepared[name] = nil }
            return true
        case PGRES_PIPELINE_ABORTED:
            if let name = inFlight[0].passedOver() { prepared[name] = nil }
            return true
        case PGRES_PIPELINE_SYNC:
            finishHead(nowMs: nowMs, &outcomes)
            return true
        default:
            farewell = PostgresError(.connectionLost, "COPY is not supported", outcomeUnknown: true)
            return false
        }
    }

    private func finishHead(nowMs: UInt64, _ outcomes: inout [Outcome]) {
        outcomes.append(inFlight.removeFirst().synchronised())
        headSinceMs = nowMs
    }

    /// Some errors speak of the connection and not of the unit: another one may do better.
    private func retireAfter(_ error: PostgresError) {
        if isSession { return }
        switch error.sqlstate {
        case "26000", "25006", "08P01": isRetired = true
        case "0A000" where error.message.contains("cached plan"): isRetired = true
        default: break
        }
    }

    /// Called by libpq while results are read.
    fileprivate func noticed(_ function: String?) {
        notices += 1
        // The server gave up waiting for a standby: the commit is real here, and may be lost in a
        // failover. It must not be reported as done.
        if function == "SyncRepWaitForLSN", !inFlight.isEmpty {
            inFlight[0]
                .doubted(
                    PostgresError(
                        .connectionLost,
                        "committed, but not confirmed by a standby",
                        outcomeUnknown: true,
                    )
                )
        }
    }

    // MARK: The end

    /// Ends every unit in flight: the first for `reason`, the others because the connection is gone.
    func cut(_ reason: PostgresError?) -> [Outcome] {
        var message = farewell.map { "\($0.sqlstate) \($0.message)" } ?? handle.errorMessage
        if let reason { message = reason.message }
        let lost = PostgresError(.connectionLost, message, outcomeUnknown: true)
        var outcomes: [Outcome] = []
        while let flight = inFlight.popFirst() {
            outcomes.append(flight.cut(outcomes.isEmpty ? reason ?? lost : lost))
        }
        return outcomes
    }
}

extension Statement {
    /// See limit_time.sql.
    fileprivate static let limitTime = Statement(
        name: "limit_time",
        sql: String(decoding: PackageResources.limit_time_sql, as: UTF8.self),
        parameterTypes: [OID.text],
    )
}

extension Step {
    /// Limits the statements that follow it in its unit.
    fileprivate init(limitMs: Int64) {
        self.init(
            statement: .limitTime,
            parameters: EncodedParameters([.text("\(limitMs)")], for: .limitTime),
        )
    }
}

/// Whether a statement begins or ends a transaction, which would reach beyond its unit.
private func controlsTransaction(_ sql: String) -> Bool {
    let word = sql.drop { $0.isWhitespace }.prefix { $0.isLetter }.uppercased()
    return ["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE"].contains(word)
}

/// Called by libpq, on the Postgres thread, while the link that `argument` points to is in `receive`.
private func noticeReceived(_ argument: UnsafeMutableRawPointer?, _ result: OpaquePointer?) {
    guard let argument = unsafe argument, let result = unsafe result else { return }
    let function = unsafe PQresultErrorField(result, Int32(UInt8(ascii: "R")))
    let name = unsafe function.map { unsafe String(cString: $0) }
    unsafe Unmanaged<Link>.fromOpaque(argument).takeUnretainedValue().noticed(name)
}
