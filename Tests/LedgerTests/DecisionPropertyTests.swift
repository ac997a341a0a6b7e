// What commit_batch and the releases decide, over random batches, against a few lines that decide one
// request after the other: every outcome, every ledger row for the gate, fresh or replayed.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct DecisionPropertyTests {
    /// Requests of one run; `ops/check properties` makes it a million.
    private static let requests =
        10_000
        * (ProcessInfo.processInfo.environment["HOLDFAST_TEST_SCALE"].flatMap { Int($0) } ?? 1)

    @Test func `every decision is that of a naive reference`() async throws {
        let seed = UInt64.random(in: 1...1_000_000)
        print("decisions of commit_batch: seed \(seed), \(Self.requests) requests")
        try await withStore { store in
            var walk = try await DecisionWalk(store, seed: seed)
            while walk.requests < Self.requests {
                try await walk.step()
                if Bool.random(using: &walk.random) { try await walk.release() }
            }
            #expect(walk.seen == ["held", "known", "reused", "refused"], "seed \(seed)")
            #expect(walk.released > Self.requests / 100, "seed \(seed)")
            #expect(try store.faults() == "", "seed \(seed)")
        }
    }
}

/// The books in the plainest form.
private struct Books {
    struct Position {
        var free: Int64
        var version: Int64
        /// The change and what was free after it, by version.
        var rows: [Int64: (delta: Int64, free: Int64)] = [:]
        var withheld: [String: Int64] = [:]

        mutating func move(_ delta: Int64) -> (version: Int64, free: Int64) {
            version += 1
            free += delta
            rows[version] = (delta, free)
            return (version, free)
        }
    }

    struct Hold {
        var fingerprint: ID
        var lines: [(position: PositionID, quantity: Int64)]
        var versions: [Int64] = []
        var isLive = true
    }

    var positions: [PositionID: Position] = [:]
    var holds: [ID: Hold] = [:]
    /// The keys of those that are live, and of those that are over.
    var live: [ID] = []
    var over: [ID] = []

    /// Decides one after the other; what the batch as a whole did is written at its end.
    mutating func decide(
        _ batch: [CommitRequest]
    ) -> (outcomes: [String], rows: Set<ViewRow>, kinds: [String]) {
        var outcomes: [String] = []
        var kinds: [String] = []
        var rows: Set<ViewRow> = []
        var room = positions.mapValues(\.free)
        var taken: [PositionID: Int64] = [:]
        var accepted: [ID] = []
        for request in batch {
            if let known = holds[request.key] {
                let isSame = known.fingerprint == request.fingerprint
                kinds.append(isSame ? "known" : "reused")
                outcomes.append(isSame ? "committed" : "reused")
                if isSame { rows.formUnion(replayed(known)) }
                continue
            }
            let short = request.lines.first { line in
                let withheld = positions[line.position]?.withheld[request.channel] ?? 0
                return (room[line.position] ?? 0) - withheld < line.quantity
            }
            if let short {
                let withheld = positions[short.position]?.withheld[request.channel] ?? 0
                kinds.append("refused")
                outcomes.append(
                    "refused \(short.position) \((room[short.position] ?? 0) - withheld)"
                )
                continue
            }
            for line in request.lines {
                room[line.position]? -= line.quantity
                taken[line.position, default: 0] += line.quantity
            }
            holds[request.key] = Hold(fingerprint: request.fingerprint, lines: request.lines)
            accepted.append(request.key)
            kinds.append("held")
            outcomes.append("committed")
        }
        rows.formUnion(write(taken.mapValues { -$0 }))
        for key in accepted {
            let versions = holds[key]?.lines.map { positions[$0.position]?.version ?? 0 }
            holds[key]?.versions = versions ?? []
        }
        live += accepted
        return (outcomes, rows, kinds)
    }

    /// One row for each position that changed.
    mutating func write(_ deltas: [PositionID: Int64]) -> [ViewRow] {
        deltas.compactMap { id, delta in
            guard let row = positions[id]?.move(delta) else { return nil }
            return ViewRow(
                position: id,
                version: row.version,
                delta: delta,
                free: row.free,
                isFresh: true,
            )
        }
    }

    /// Whether the ledger has that row.
    func isTrue(_ row: ViewRow) -> Bool {
        guard let known = positions[row.position]?.rows[row.version] else { return false }
        return known == (row.delta, row.free)
    }

    private func replayed(_ hold: Hold) -> [ViewRow] {
        zip(hold.lines, hold.versions)
            .compactMap { line, version in
                positions[line.position]?.rows[version]
                    .map {
                        ViewRow(
                            position: line.position,
                            version: version,
                            delta: $0.delta,
                            free: $0.free,
                            isFresh: false,
                        )
                    }
            }
    }
}

/// Random batches on the database and on the books.
private struct DecisionWalk {
    private let store: Store
    private let seed: UInt64
    private let epoch: Int64
    private let ids: [PositionID]
    var random: SplitMix
    private var books = Books()
    private(set) var requests = 0
    private(set) var released = 0
    private(set) var seen: Set<String> = []

    init(_ store: Store, seed: UInt64) async throws {
        self.store = store
        self.seed = seed
        random = SplitMix(state: seed)
        let names = ["A", "B", "C", "D", "E"]
        try await store.receive("r", names.map { Demand(key: key($0), quantity: 200) })
        _ = try await store.stock.setSafetyStock(
            header("safety"),
            at: key("C"),
            quantity: 30,
            channel: "shop",
        )
        epoch = try #require(Int64(try store.sql("SELECT epoch FROM cache_epoch")))
        let rows = try store.sql("SELECT id, version, free, sku FROM positions ORDER BY id")
        var ids: [PositionID] = []
        for row in rows.split(separator: "\n") {
            let fields = row.split(separator: "|")
            let id = try #require(Int64(fields[0]))
            ids.append(id)
            books.positions[id] = Books.Position(
                free: try #require(Int64(fields[2])),
                version: try #require(Int64(fields[1])),
                withheld: fields[3] == "C" ? ["shop": 30] : [:],
            )
        }
        self.ids = ids
    }

    private mutating func request(_ number: Int) -> CommitRequest {
        let isOld = requests > 500 && Int.random(in: 0..<20, using: &random) == 0
        let name = isOld ? Int.random(in: 0..<requests, using: &random) : requests + number
        let isOther = isOld && Bool.random(using: &random)
        let count = Int.random(in: 1...3, using: &random)
        let lines = ids.shuffled(using: &random).prefix(count)
            .map { (position: $0, quantity: Int64.random(in: 1...4, using: &random)) }
        return CommitRequest(
            key: ID(high: 5, low: UInt64(name)),
            fingerprint: id(isOther ? "other" : "body"),
            lines: lines,
            ttlMs: 900_000,
            owner: "",
            channel: Bool.random(using: &random) ? "shop" : "web",
            origin: tester,
            epoch: epoch,
        )
    }

    /// Commits one batch.
    mutating func step() async throws {
        var keys: Set<ID> = []
        let batch = (0..<Int.random(in: 1...200, using: &random)).map { request($0) }
            .filter { keys.insert($0.key).inserted }
        requests += batch.count
        let commit = CommitBatch(requests: batch)
        let reply = commit.reply(
            try await store.postgres.execute(SQL.commitBatch, commit.parameters())
        )
        let expected = books.decide(batch)
        let outcomes = reply.outcomes.map { outcome in
            switch outcome {
            case .committed, .repeated: "committed"
            case .keyReused: "reused"
            case .refused(let position, let free): "refused \(position) \(free)"
            case .epochMoved: "epoch moved"
            }
        }
        seen.formUnion(expected.kinds)
        try #require(outcomes == expected.outcomes, "seed \(seed), after \(requests) requests")
        let at = "seed \(seed), after \(requests) requests"
        let rows = Set(reply.settlement.rows)
        try #require(rows.filter(\.isFresh) == expected.rows.filter(\.isFresh), "\(at)")
        // More may be replayed than duplicates need; whatever it is, it is true.
        try #require(rows.isSuperset(of: expected.rows), "\(at)")
        try #require(rows.allSatisfy(books.isTrue), "\(at)")
    }

    /// Releases some of what is held, and something that is over, in one batch.
    mutating func release() async throws {
        books.live.shuffle(using: &random)
        let count = Int.random(in: 0...books.live.count, using: &random)
        var keys = Array(books.live.suffix(count))
        books.live.removeLast(count)
        if let key = books.over.randomElement(using: &random) { keys.append(key) }
        books.over += keys.prefix(count)
        for start in stride(from: 0, to: keys.count, by: 200) {
            try await release(Array(keys[start..<min(start + 200, keys.count)]))
        }
        released += keys.count
    }

    private mutating func release(_ keys: [ID]) async throws {
        var deltas: [PositionID: Int64] = [:]
        var expected: [Int16] = []
        for key in keys {
            let isLive = books.holds[key]?.isLive ?? false
            expected.append(isLive ? 1 : 4)
            if !isLive { continue }
            books.holds[key]?.isLive = false
            for line in books.holds[key]?.lines ?? [] {
                deltas[line.position, default: 0] += line.quantity
            }
        }
        let commands = keys.map { key in
            ReservationCommand(
                kind: .release,
                id: key,
                requestKey: nil,
                fingerprint: id("release"),
                origin: tester,
            )
        }
        let replies = try await ReservationQueries(postgres: store.postgres).carryOut(commands)
            .map { try $0.get() }
        try #require(replies.map(\.outcome) == expected, "seed \(seed), after \(requests) requests")
        let rows = Set(replies.first?.settlement.rows ?? [])
        try #require(rows == Set(books.write(deltas)), "seed \(seed), after \(requests) requests")
    }
}
