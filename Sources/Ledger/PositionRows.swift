// Reads positions and outcomes of stock commands from rows. The order of the columns is that of the
// statement files.

internal import Base
internal import Domain
internal import Postgres
internal import Promising

extension StockBuckets {
    /// Reads the buckets in the order of the column `after` of the ledger.
    init(columns: [Int64]) {
        invariant(columns.count == 7, "a position has 7 buckets, got \(columns.count)")
        self.init()
        onHand = columns[0]
        held = columns[1]
        allocated = columns[2]
        safety = columns[3]
        damaged = columns[4]
        qualityControl = columns[5]
        inTransit = columns[6]
    }
}

extension PostgresRow {
    /// Reads id, sku, node, version, buckets, channels and their quantities from `first` on.
    func position(first: Int) -> Position {
        position(at: first, buckets: first + 4, channels: first + 5)
    }

    fileprivate func position(at first: Int, buckets: Int, channels: Int) -> Position {
        var safety: [ChannelSafety] = []
        if !isNull(channels) {
            for (channel, quantity) in zip(texts(channels), int8s(channels + 1)) {
                safety.append(ChannelSafety(channel: channel, quantity: quantity))
            }
        }
        return Position(
            id: int8(first),
            key: PositionKey(sku: text(first + 1), node: text(first + 2)),
            buckets: StockBuckets(columns: int8s(buckets)),
            version: int8(first + 3),
            channelSafety: safety,
        )
    }
}

/// What the functions of the database say about a command: the numbers of their contracts.
enum CommandOutcome: Int16 {
    case done = 1
    case doneBefore = 2
    case keyReused = 3
    case unknownPosition = 4
    case notEnough = 5
    case tooMany = 6
    case notFound = 7
    case wrongState = 8
    case externalIDTaken = 9
    case linesDiffer = 10
    case unknownLine = 11
    case soldOut = 12
    case reservationExpired = 13

    init(_ row: PostgresRow, _ column: Int) {
        let number = row.int2(column)
        guard let outcome = CommandOutcome(rawValue: number) else {
            invariantBroken("outcome \(number) is not in the contract")
        }
        self = outcome
    }
}

extension StockResult {
    /// Reads the rows of a command that was done, now or before.
    init(_ rows: PostgresResult, isFresh: Bool) {
        var positions: [Position] = []
        var view: [ViewRow] = []
        for row in rows where !row.isNull(6) {
            let position = row.position(at: 6, buckets: 10, channels: 15)
            positions.append(position)
            guard let delta = row.optionalInt8(11) else { continue }
            var safety: ChannelSafety?
            if let channel = row.optionalText(13), let quantity = row.optionalInt8(14) {
                safety = ChannelSafety(channel: channel, quantity: quantity)
            }
            view.append(
                ViewRow(
                    position: position.id,
                    version: position.version,
                    delta: delta,
                    free: row.int8(12),
                    isFresh: isFresh,
                    channelSafety: safety,
                )
            )
        }
        self.init(
            positions: positions,
            settlement: Settlement(epoch: rows[0].int8(0), rows: view),
        )
    }
}

extension StockOutcome {
    /// Reads what a stock command returned.
    ///
    /// - Parameters:
    ///   - places: what each movement is about: the caller's line, and the position.
    ///   - id: what the command named, for a refusal of it.
    init(_ rows: PostgresResult, places: [(line: Int, key: PositionKey)], id: ID) {
        let row = rows[0]
        let outcome = CommandOutcome(row, 1)
        let place = row.optionalInt4(2).map { places[Int($0)] } ?? places.first
        let line = place?.line ?? 0
        let key = place?.key ?? PositionKey(sku: "", node: "")
        switch outcome {
        case .done, .doneBefore:
            self = .done(StockResult(rows, isFresh: outcome == .done))
        case .keyReused:
            self = .refused(.keyReused)
        case .unknownPosition:
            let unknown = UnknownPart(column: row.text(5))
            self = .refused(.unknownPosition(line: line, key: key, unknown: unknown))
        case .notEnough:
            self = .refused(
                .notEnough(
                    line: line,
                    key: key,
                    requested: row.int8(3),
                    available: row.int8(4),
                    what: row.text(5),
                )
            )
        case .tooMany:
            self = .refused(.tooMany(line: line, key: key))
        case .notFound:
            self = .refused(.notFound(kind: .transfer, id: id.description))
        case .wrongState:
            self = .refused(
                .wrongState(kind: .transfer, id: id.description, state: row.text(5))
            )
        case .externalIDTaken, .linesDiffer, .unknownLine, .soldOut, .reservationExpired:
            invariantBroken("a stock command cannot end as \(outcome)")
        }
    }
}

extension UnknownPart {
    /// Reads the words of the function `unknown_part`.
    init(column: String) {
        switch column {
        case "sku": self = .sku
        case "node": self = .node
        case "combination": self = .combination
        default: invariantBroken("unknown_part said \(column)")
        }
    }
}
