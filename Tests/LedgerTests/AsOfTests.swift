// Row 39 of the list of features: the state of any moment, rebuilt from the ledger, is the one that
// was there; and it is the same each time.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct AsOfTests {
    /// Everything that a moment has, with the channels' safety and the ended reservations.
    struct State: Hashable {
        var positions: [Position]
        var reservations: [Reservation]
    }

    @Test(arguments: [1, 2] as [UInt64])
    func `any moment under load is rebuilt as it was recorded`(seed: UInt64) async throws {
        try await withStore(connections: 10) { store in
            try await store.receive(
                "begin",
                ["A", "B", "C", "D"]
                    .flatMap { sku in
                        ["LON", "MAN", "PAR"].map { Demand(key: key(sku, $0), quantity: 50) }
                    },
            )
            let recorded = try await withThrowingTaskGroup(of: [(Instant, State)].self) { group in
                for worker in 0..<4 {
                    group.addTask {
                        var run = StockPropertyTests.Run(store: store, worker: worker, seed: seed)
                        for _ in 0..<150 { try await run.step() }
                        return []
                    }
                }
                group.addTask {
                    try await Self.change(store, seed)
                    return []
                }
                group.addTask {
                    var recorded: [(Instant, State)] = []
                    for _ in 0..<15 { recorded.append(try await Self.record(store)) }
                    return recorded
                }
                group.addTask {
                    for _ in 0..<30 { _ = try await store.audit.seal() }
                    return []
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(recorded.count == 15)
            #expect(Set(recorded.map(\.1)).count > 8, "moments that are all the same prove nothing")
            #expect(
                Int(try store.sql("SELECT count(*) FROM reservation_events WHERE kind = 5")) ?? 0
                    > 10
            )
            for (moment, state) in recorded {
                let rebuilt = try await Self.rebuild(store, moment)
                #expect(rebuilt == state, "seed \(seed), \(moment)")
            }
            // Whether sealed or not, and in whatever pieces it is asked for.
            try await store.sealAll()
            for (moment, state) in recorded {
                #expect(try await Self.rebuild(store, moment, limit: 7) == state)
            }
            #expect(try await store.findings() == [])
        }
    }

    @Test func `a moment that has not come is refused, and one before all is empty`() async throws {
        try await withStore { store in
            try await store.history()
            let ahead = Instant(microseconds: SystemClock().now().microseconds + 60_000_000)
            #expect(try await store.audit.batch(at: ahead) == .isAhead)
            #expect(try await store.audit.batch(at: Instant(seconds: 0)) == .batch(0))
            let empty = try await Self.rebuild(store, Instant(seconds: 0))
            #expect(empty == State(positions: [], reservations: []))
        }
    }

    @Test func `a moment keeps its batch, whatever numbers come to nothing after it`() async throws
    {
        try await withStore { store in
            try await store.receive("r", [Demand(key: key("A"), quantity: 10)])
            let moment = SystemClock().now()
            let first = try await store.audit.batch(at: moment)
            try store.sql("SELECT nextval('batches'), nextval('batches')")
            #expect(try await store.audit.batch(at: moment) == first)
            try await store.hold("one", [Demand(key: key("A"), quantity: 1)])
            #expect(try await store.audit.batch(at: moment) == first)
            try await store.sealAll(batchesEach: 2)
            #expect(try await store.audit.batch(at: moment) == first)
            let later = try await store.audit.batch(at: SystemClock().now())
            #expect(later != first)
        }
    }

    @Test func `a clock that steps back leaves no moment with half of what happened`() async throws
    {
        try await withStore { store in
            try await store.receive("r", [Demand(key: key("A"), quantity: 10)])
            try await store.hold("one", [Demand(key: key("A"), quantity: 1)])
            try await store.hold("two", [Demand(key: key("A"), quantity: 2)])
            // The second row was written by a clock that was ten seconds ahead.
            try store.sql(
                "UPDATE position_ledger SET at = at + interval '10 s' WHERE version = 2;"
                    + "UPDATE reservations SET created_at = created_at + interval '10 s' "
                    + "WHERE key = '\(id("one"))'"
            )
            let micros = try store.sql(
                "SELECT (extract(epoch FROM at) * 1000000)::int8 FROM position_ledger "
                    + "WHERE version = 3"
            )
            let moment = Instant(microseconds: try #require(Int64(micros)))
            let state = try await Self.rebuild(store, moment)
            // The third row follows from the second, so it is not there without it.
            #expect(state.positions.map(\.version) == [1])
            #expect(state.positions.map(\.buckets.available) == [10])
            #expect(state.reservations == [])
        }
    }

    // MARK: Helpers

    /// Changes, extends and transfers holds, which the mix of commands does not.
    private static func change(_ store: Store, _ seed: UInt64) async throws {
        var random = SplitMix(state: seed &+ 77)
        let queries = ReservationQueries(postgres: store.postgres)
        let place = Demand(key: key("A"), quantity: 2)
        let position = try #require(
            Int64(try store.sql("SELECT id FROM positions WHERE sku = 'A' AND node = 'LON'"))
        )
        for number in 0..<60 {
            let name = "change-\(number)"
            guard try await store.hold(name, [place]) == 1 else {
                try await store.receive("more \(name)", [Demand(key: key("A"), quantity: 20)])
                continue
            }
            for step in 0..<Int.random(in: 1...3, using: &random) {
                let kind: ReservationCommandKind =
                    [.change, .change, .extend, .transfer].randomElement(using: &random) ?? .change
                var command = ReservationCommand(
                    kind: kind,
                    id: id(name),
                    requestKey: id("\(name)-\(step)"),
                    fingerprint: id("body"),
                    origin: tester,
                )
                command.ttlMs = 1_000_000
                if kind == .transfer {
                    command.newID = id("\(name)-new-\(step)")
                    command.owner = "heir"
                }
                if kind == .change {
                    let units = Int64.random(in: 0...5, using: &random)
                    command.lines = [Demand(key: key("A"), quantity: units)]
                }
                _ = try await queries.carryOut(command, kind == .change ? [position] : []).get()
            }
        }
    }

    /// The moment and the state while nobody writes: the lock of the shard waits for all writers.
    private static func record(_ store: Store) async throws -> (Instant, State) {
        try await store.postgres.withSession { session in
            _ = try await session.execute(
                Statement(name: "lock", sql: "SELECT pg_advisory_lock(7301, 0)")
            )
            let moment =
                try await
                session.execute(
                    Statement(name: "now", sql: "SELECT clock_timestamp()")
                )[0]
                .timestamptz(0)
            return (moment, try await current(store))
        }
    }

    /// The tables as they are.
    private static func current(_ store: Store) async throws -> State {
        let positions = try await store.stock.positions(
            skuPrefix: "",
            node: "",
            after: nil,
            limit: 1_000,
        )
        let keys = try await store.postgres.execute(
            Statement(name: "keys", sql: "SELECT key FROM reservations ORDER BY key"),
            []
        )
        let found = await ReservationQueries(postgres: store.postgres)
            .reservations(keys.map { $0.uuid(0) })
        return State(
            positions: positions,
            reservations: try found.compactMap { try $0.get() },
        )
    }

    private static func rebuild(
        _ store: Store,
        _ moment: Instant,
        limit: Int = 500,
    ) async throws -> State {
        guard case .batch(let batch) = try await store.audit.batch(at: moment) else {
            throw Refused(description: "\(moment) is ahead")
        }
        var state = State(positions: [], reservations: [])
        var place: PositionKey?
        repeat {
            let page = try await store.audit.positions(asOf: batch, after: place, limit: limit)
            state.positions += page.positions
            place = page.next
        } while place != nil
        var id: ID?
        repeat {
            let page = try await store.audit.reservations(asOf: batch, after: id, limit: limit)
            state.reservations += page.reservations
            id = page.next
        } while id != nil
        return state
    }
}
