// One batch as it travels to commit_batch and back. Pure: arrays in, outcomes out.

internal import Base
internal import Domain
internal import Postgres
internal import Promising

/// Requests that are committed in one transaction.
struct CommitBatch: Sendable {
    let requests: [CommitRequest]

    /// The statement that commits it: that of routed ones costs the others nothing.
    var statement: Statement {
        requests.contains { $0.route != nil } ? SQL.commitRouted : SQL.commitBatch
    }

    /// The parameters of `statement`, in its order.
    func parameters() -> [PostgresValue] {
        let plain = plainParameters()
        let routed = requests.indices.filter { requests[$0].route != nil }
        if routed.isEmpty { return plain }
        let routes = requests.compactMap(\.route)
        return plain + [
            .int4s(routed.map { Int32($0 + 1) }),
            .int8s(routes.map(\.network)),
            .texts(routes.map(\.rules.name)),
            .int4s(routes.map(\.rules.version)),
            .texts(routes.map(\.shipments)),
            .byteas(routes.map(\.body)),
        ]
    }

    private func plainParameters() -> [PostgresValue] {
        var places: [PositionID: Int32] = [:]
        for request in requests {
            for line in request.lines { places[line.position] = 0 }
        }
        let positions = places.keys.sorted()
        for (index, position) in positions.enumerated() { places[position] = Int32(index + 1) }

        var lineRequest: [Int32] = []
        var lineIndex: [Int32] = []
        var lineQuantity: [Int64] = []
        for (index, request) in requests.enumerated() {
            for line in request.lines {
                lineRequest.append(Int32(index + 1))
                lineIndex.append(places[line.position] ?? 0)
                lineQuantity.append(line.quantity)
            }
        }
        return [
            .int2(shard),
            .int8(requests[0].epoch),
            .int8s(positions),
            .uuids(requests.map(\.key)),
            .uuids(requests.map(\.fingerprint)),
            .int4s(requests.map(\.ttlMs)),
            .texts(requests.map(\.owner)),
            .texts(requests.map(\.channel)),
            .texts(requests.map(\.origin.principal)),
            .texts(requests.map(\.origin.requestID)),
            .texts(requests.map(\.origin.traceID)),
            .int4s(lineRequest),
            .int4s(lineIndex),
            .int8s(lineQuantity),
        ]
    }

    /// What commit_batch decided.
    func reply(_ result: PostgresResult) -> CommitReply {
        let row = result[0]
        let open = row.int8(0)
        if open != requests[0].epoch {
            return CommitReply(
                outcomes: requests.map { _ in .epochMoved(open) },
                settlement: Settlement(epoch: open, rows: []),
            )
        }
        let decisions = row.int2s(1)
        let shortPositions = row.int8s(2)
        let shortFree = row.int8s(3)
        let created = row.timestamptzs(4)
        let expires = row.timestamptzs(5)
        invariant(decisions.count == requests.count, "an outcome for each request")
        let outcomes = decisions.indices.map { index -> CommitOutcome in
            switch decisions[index] {
            case 1: .committed(HoldTimes(createdAt: created[index], expiresAt: expires[index]))
            case 2: .repeated(HoldTimes(createdAt: created[index], expiresAt: expires[index]))
            case 3: .keyReused
            case 4: .refused(position: shortPositions[index], free: shortFree[index])
            default: invariantBroken("commit_batch decided \(decisions[index])")
            }
        }
        let rows = row.viewRows(from: 6, isFresh: true) + row.viewRows(from: 10, isFresh: false)
        return CommitReply(outcomes: outcomes, settlement: Settlement(epoch: open, rows: rows))
    }
}

/// What became of a batch: an outcome per request, and what the gate has to apply.
struct CommitReply: Sendable {
    var outcomes: [CommitOutcome]
    var settlement: Settlement
}

extension PostgresRow {
    /// Four parallel arrays from `column` on: position, version, delta, free; null for none.
    func viewRows(from column: Int, isFresh: Bool) -> [ViewRow] {
        if isNull(column) { return [] }
        let positions = int8s(column)
        let versions = int8s(column + 1)
        let deltas = int8s(column + 2)
        let free = int8s(column + 3)
        return positions.indices.map { index in
            ViewRow(
                position: positions[index],
                version: versions[index],
                delta: deltas[index],
                free: free[index],
                isFresh: isFresh,
            )
        }
    }
}
