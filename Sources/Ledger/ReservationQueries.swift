// The questions and commands about reservations, as statements and rows.

internal import Base
internal import Domain
internal import Postgres
internal import Promising

/// What a refusal, or a key that the gate calls known, is held against.
struct BarrierQuestion: Sendable {
    var key: ID
    var position: PositionID?
}

/// What resolve_batch decided about one command.
struct CommandReply: Sendable {
    /// See V0003_resolve.sql.
    var outcome: Int16
    var state: Int16
    var position: PositionID
    var units: Int64
    var settlement: Settlement
    /// The reservation as the command left it.
    var reservation: Reservation?
    /// The reservation's own line at `position`.
    var short: ReservationLine?

    func outcome(
        of command: ReservationCommand,
        positions: [PositionID],
    ) -> ReservationCommandOutcome {
        let line = positions.firstIndex(of: position) ?? 0
        let id = command.id.description
        switch outcome {
        case 1, 2:
            guard let reservation else { invariantBroken("a command without a reservation") }
            return .done(reservation, settlement)
        case 0: return .refused(.notFound(kind: .reservation, id: id))
        case 3, 9: return .refused(.keyReused)
        case 4:
            guard let state = ReservationState(rawValue: state) else {
                invariantBroken("a reservation in state \(state)")
            }
            return .refused(.wrongState(kind: .reservation, id: id, state: state.name))
        case 5: return .refused(.reservationExpired(id: command.id))
        case 6:
            return .refused(
                .soldOut(
                    line: command.lines.isEmpty ? -1 : line,
                    key: short?.key ?? PositionKey(sku: "", node: ""),
                    requested: command.lines.isEmpty
                        ? short.map { $0.quantity - $0.confirmed } ?? 0
                        : command.lines[line].quantity,
                    available: max(0, units),
                )
            )
        case 7:
            let wanted = command.lines[line]
            return .refused(
                .notEnough(
                    line: line,
                    key: wanted.key,
                    requested: wanted.quantity,
                    available: units,
                    what: "held",
                )
            )
        case 10: return .refused(.routed(id: command.id))
        case 8:
            let wanted = command.lines[line]
            return .refused(
                .notEnough(
                    line: line,
                    key: wanted.key,
                    requested: wanted.quantity,
                    available: 0,
                    what: "in the reservation",
                )
            )
        default: invariantBroken("resolve_batch decided \(outcome)")
        }
    }
}

/// Statements about reservations.
struct ReservationQueries: Sendable {
    let postgres: PostgresClient

    func resolve(_ requests: [[PositionKey]]) async -> [Result<[ResolvedPosition], Failure>] {
        let keys = Array(Set(requests.joined()))
        do throws(PostgresError) {
            let rows = try await postgres.execute(
                SQL.resolvePositions,
                [.texts(keys.map(\.sku)), .texts(keys.map(\.node))],
            )
            var found: [PositionKey: ResolvedPosition] = [:]
            for (key, row) in zip(keys, rows) {
                if let id = row.optionalInt8(0) {
                    found[key] = .known(id)
                } else if !row.bool(1) {
                    found[key] = .unknown(.sku)
                } else {
                    found[key] = .unknown(row.bool(2) ? .combination : .node)
                }
            }
            return requests.map { request in .success(request.compactMap { found[$0] }) }
        } catch {
            return requests.map { _ in .failure(error.failure) }
        }
    }

    func load(_ requests: [[PositionID]]) async -> [Result<[LoadedPosition], Failure>] {
        do throws(PostgresError) {
            let ids = Array(Set(requests.joined()))
            let found = try await postgres.execute(SQL.loadPositions, [.int8s(ids)])
                .loadedPositions()
            return requests.map { .success($0.compactMap { found[$0] }) }
        } catch {
            return requests.map { _ in .failure(error.failure) }
        }
    }

    func barrier(_ questions: [BarrierQuestion]) async -> [Result<Barrier, Failure>] {
        let keys = questions.map(\.key)
        // Refusals of a moment are mostly about one position.
        var ids: [PositionID] = []
        for case let id? in questions.lazy.map(\.position) where ids.last != id { ids.append(id) }
        if ids.count > 1 { ids = Array(Set(ids)) }
        // Each statement sees what was committed before it. Keys come last: a reservation that took the
        // units which a position is seen to lack is then seen as well, and its owner not told no.
        var statements: [(Statement, [PostgresValue])] = []
        if !ids.isEmpty { statements.append((SQL.loadPositions, [.int8s(ids)])) }
        statements.append((SQL.knownKeys, [.int2(shard), .uuids(keys)]))
        do throws(PostgresError) {
            let results = try await postgres.transaction(statements)
            let positions = ids.isEmpty ? [:] : results[0].loadedPositions()
            let rows = results[statements.count - 1]
            let epoch = rows[0].int8(0)
            var known: [ID: KnownReservation] = [:]
            for row in rows {
                guard let key = row.optionalUUID(1) else { continue }
                known[key] = KnownReservation(
                    fingerprint: row.uuid(2),
                    times: HoldTimes(
                        createdAt: row.timestamptz(3),
                        expiresAt: row.timestamptz(4),
                    ),
                )
            }
            return questions.map { question in
                .success(
                    Barrier(
                        epoch: epoch,
                        known: known.isEmpty ? nil : known[question.key],
                        position: question.position.flatMap { positions[$0] },
                    )
                )
            }
        } catch {
            return questions.map { _ in .failure(error.failure) }
        }
    }

    /// Commands of one kind without lines; a reservation, or a request key, that is named twice has
    /// its turn later.
    func carryOut(
        _ commands: [ReservationCommand]
    ) async -> [Result<CommandReply, Failure>] {
        var replies: [Result<CommandReply, Failure>?] = commands.map { _ in nil }
        var rest = Array(commands.indices)
        while !rest.isEmpty {
            let moment = Deadline.now
            rest.removeAll { index in
                guard commands[index].deadline.hasPassed(at: moment) else { return false }
                replies[index] = .failure(.deadlineExceeded)
                return true
            }
            if rest.isEmpty { break }
            var named: Set<ID> = []
            var now: [Int] = []
            var later: [Int] = []
            for index in rest {
                let command = commands[index]
                if named.contains(command.id) || command.requestKey.map(named.contains) == true {
                    later.append(index)
                } else {
                    now.append(index)
                }
                named.insert(command.id)
                if let key = command.requestKey { named.insert(key) }
            }
            rest = later
            let answers = await resolve(now.map { (commands[$0], []) })
            for (index, answer) in zip(now, answers) { replies[index] = answer }
        }
        return replies.compactMap { $0 }
    }

    /// One command, with the positions of its lines.
    func carryOut(
        _ command: ReservationCommand,
        _ positions: [PositionID],
    ) async -> Result<CommandReply, Failure> {
        await resolve([(command, positions)])[0]
    }

    /// Reservations as they are now, nil where there is none; in one round trip.
    func reservations(_ ids: [ID]) async -> [Result<Reservation?, Failure>] {
        do throws(PostgresError) {
            let rows = try await postgres.execute(
                SQL.reservations,
                [.uuids(ids), .optionalUUIDs(ids.map { _ in nil }), .bool(false)],
            )
            return rows.map { .success($0.optionalReservation()) }
        } catch {
            return ids.map { _ in .failure(error.failure) }
        }
    }

    /// Distinct reservations, one kind: one transaction, which also reads what it left behind.
    private func resolve(
        _ commands: [(ReservationCommand, [PositionID])]
    ) async -> [Result<CommandReply, Failure>] {
        let kind = commands[0].0.kind
        let isTransfer = kind == .transfer
        let statements = [
            (SQL.resolveBatch, parameters(commands)),
            (
                SQL.reservations,
                [
                    .uuids(commands.map { isTransfer ? $0.0.newID ?? $0.0.id : $0.0.id }),
                    .optionalUUIDs(commands.map { isTransfer ? nil : $0.0.requestKey }),
                    .bool(!isTransfer),
                ]
            ),
        ]
        do throws(PostgresError) {
            let results = try await transact(statements)
            let row = results[0][0]
            let outcomes = row.int2s(1)
            let states = row.int2s(2)
            let positions = row.int8s(3)
            let units = row.int8s(4)
            let rows = row.viewRows(from: 5, isFresh: true)
            let left = results[1]
            return commands.indices.map { index in
                .success(
                    CommandReply(
                        outcome: outcomes[index],
                        state: states[index],
                        position: positions[index],
                        units: units[index],
                        settlement: Settlement(epoch: row.int8(0), rows: rows),
                        reservation: left[index].optionalReservation(),
                        short: left[index].line(at: positions[index]),
                    )
                )
            }
        } catch {
            return commands.map { _ in .failure(error.failure) }
        }
    }

    /// Sends a transaction again that lost a race, while somebody waits for it; one whose outcome is
    /// unknown is the caller's to repeat, by its key.
    private func transact(
        _ statements: [(Statement, [PostgresValue])]
    ) async throws(PostgresError) -> [PostgresResult] {
        for _ in 0..<3 {
            do throws(PostgresError) {
                return try await postgres.transaction(statements)
            } catch {
                // 23505: the same request key, at the same moment, for another reservation.
                guard error.isRetryable || error.sqlstate == "23505" else { throw error }
                if Deadline.current.hasPassed { throw PostgresError(.late, error.message) }
            }
        }
        return try await postgres.transaction(statements)
    }

    private func parameters(
        _ commands: [(ReservationCommand, [PositionID])]
    ) -> [PostgresValue] {
        var lineRequest: [Int32] = []
        var linePosition: [Int64] = []
        var lineQuantity: [Int64] = []
        for (index, (command, positions)) in commands.enumerated() {
            for (line, position) in zip(command.lines, positions) {
                lineRequest.append(Int32(index + 1))
                linePosition.append(position)
                lineQuantity.append(line.quantity)
            }
        }
        return [
            .int2(shard),
            .int2(commands[0].0.kind.rawValue),
            .uuids(commands.map(\.0.id)),
            .optionalUUIDs(commands.map(\.0.requestKey)),
            .uuids(commands.map(\.0.fingerprint)),
            .int4s(commands.map(\.0.ttlMs)),
            .bools(commands.map(\.0.reacquires)),
            .texts(commands.map(\.0.owner)),
            .optionalUUIDs(commands.map(\.0.newID)),
            .texts(commands.map(\.0.origin.principal)),
            .texts(commands.map(\.0.origin.requestID)),
            .texts(commands.map(\.0.origin.traceID)),
            .texts(commands.map(\.0.reason)),
            .int4s(lineRequest),
            .int8s(linePosition),
            .int8s(lineQuantity),
        ]
    }
}

extension PostgresResult {
    /// The rows of load_positions.sql, by position.
    func loadedPositions() -> [PositionID: LoadedPosition] {
        var found: [PositionID: LoadedPosition] = [:]
        for row in self { found[row.int8(0)] = row.loadedPosition() }
        return found
    }
}

extension PostgresRow {
    /// The line of a row of reservations.sql that is about a position.
    func line(at position: PositionID) -> ReservationLine? {
        if position == 0 || isNull(0) { return nil }
        return int8s(13).firstIndex(of: position).map { reservationLines()[$0] }
    }

    /// All lines of a row of reservations.sql, those of the nodes' capacity among them.
    private func reservationLines() -> [ReservationLine] {
        let quantities = int8s(2)
        let held = int8s(3)
        let confirmed = int8s(4)
        let skus = texts(11)
        let nodes = texts(12)
        return skus.indices.map { index in
            ReservationLine(
                key: PositionKey(sku: skus[index], node: nodes[index]),
                quantity: quantities[index],
                held: held[index],
                confirmed: confirmed[index],
            )
        }
    }

    /// A row of reservations.sql; nil where there is no such reservation.
    func optionalReservation() -> Reservation? {
        isNull(0) ? nil : reservation()
    }

    private func reservation() -> Reservation {
        guard let state = ReservationState(rawValue: int2(1)) else {
            invariantBroken("a reservation in state \(int2(1))")
        }
        let lines = reservationLines()
        return Reservation(
            id: uuid(0),
            state: state,
            lines: lines.filter { !$0.key.isCapacity },
            capacity: lines.filter { $0.key.isCapacity },
            decision: optionalUUID(14),
            owner: text(5),
            channel: text(6),
            createdAt: timestamptz(7),
            expiresAt: timestamptz(8),
            transferredTo: optionalUUID(9),
            orderID: optionalUUID(10),
        )
    }
}

extension PostgresRow {
    /// A row of load_positions.sql or positions_after.sql.
    func loadedPosition() -> LoadedPosition {
        LoadedPosition(
            position: int8(0),
            version: int8(1),
            free: int8(2),
            channelSafety: zip(texts(3), int8s(4)).map { ChannelSafety(channel: $0, quantity: $1) },
        )
    }
}
