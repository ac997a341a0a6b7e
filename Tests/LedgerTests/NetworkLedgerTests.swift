// The network in Postgres: versions that stay, slots as the calendar and the clock have them, capacity
// that is stock, and several servers that lay slots at once.

import Base
import Domain
import Foundation
import Postgres
import Promising
import Testing

@testable import Ledger

/// A Monday, 09:30 in London.
private let monday = instant("2026-03-16T09:30:00Z")

private func instant(_ text: String) -> Instant {
    guard let date = try? Date(text, strategy: .iso8601) else { fatalError(text) }
    return Instant(seconds: Int64(date.timeIntervalSince1970))
}

/// A document of one node with a lane, whose calendar is given.
private func document(
    _ calendar: String,
    exceptions: String = "",
    zone: String = "Europe/London",
    node: String = "LDN",
) -> String {
    """
    {"currency": "EUR",
     "services": [{"name": "road", "carrier": "C",
         "rates": [{"base_minor": 400, "transit_days": 1}]}],
     "nodes": [{"name": "\(node)", "kind": "DC", "latitude": 51.5, "longitude": -0.5,
         "country": "GB", "time_zone": "\(zone)", "calendar": [\(calendar)],
         "exceptions": [\(exceptions)], "lanes": [{"service": "road", "cutoff": "16:30"}]}]}
    """
}

private let workday = #"{"opens": "08:00", "closes": "18:00", "orders": 10, "units": 100}"#

/// Stands in for nothing: the gate of these tests hears what it is told and keeps it.
private final class NotedGate: GatePort {
    var rows: [ViewRow] = []

    func admit(_ admission: Admission) async throws(Failure) -> AdmissionAnswer {
        throw .unavailable(what: "no gate here", retryAfterMs: 0)
    }

    func load(_ positions: [LoadedPosition], epoch: Int64) async throws(Failure) {}

    func settle(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) async {
        rows += settlement.rows
    }

    func post(_ settlement: Settlement, ending: [(key: ID, end: PendingEnd)]) {
        rows += settlement.rows
    }

    func epochMoved(to epoch: Int64) {}
}

private struct FixedClock: Clock {
    var moment: Instant

    func now() -> Instant { moment }
}

private struct Bench {
    let store: Store
    let gate = NotedGate()
    var ledger: NetworkLedger { NetworkLedger(postgres: store.postgres, horizonDays: 7) }

    func keeping(_ now: Instant = monday) -> NetworkKeeping<NetworkLedger, NotedGate> {
        NetworkKeeping(ledger: ledger, gate: gate, clock: FixedClock(moment: now))
    }

    @discardableResult
    func put(
        _ name: String,
        _ text: String,
        at now: Instant = monday,
        prunes: Bool = false,
    ) async throws -> NetworkResult {
        let outcome = try await keeping(now)
            .put(
                [DocumentFile(name: "n.json", text: text)],
                header(name, body: text),
                prunes: prunes,
                checksOnly: false,
                note: "why",
            )
        guard case .done(let result, _) = outcome else { throw Refused(description: "\(outcome)") }
        return result
    }

    func slots() async throws -> [SlotState] {
        try await ledger.slots(of: "LDN", from: 0, limit: 100)
    }

    func network(_ version: Int64? = nil) async throws -> Network {
        try #require(try await ledger.network(version: version))
    }
}

private func withBench(
    connections: Int = 2,
    _ body: (Bench) async throws -> Void,
) async throws {
    try await withStore(connections: connections) { store in
        let bench = Bench(store: store)
        try await body(bench)
        #expect(try store.faults().isEmpty)
    }
}

@Suite struct NetworkLedgerTests {
    @Test func `documents make a version, slots, and capacity that the gate hears of`() async throws
    {
        try await withBench { bench in
            let result = try await bench.put("p1", document(workday))
            #expect(result.version == 1 && result.changes == 3)
            let network = try await bench.network()
            #expect(network.currency == "EUR" && network.version == 1)
            let node = try #require(network.nodes.first)
            #expect(node.slots.count == 7 && node.status == .open)
            #expect(node.slots[0].opensAt == instant("2026-03-16T08:00:00Z"))
            #expect(node.lanes[0].cutoffs[0] == instant("2026-03-16T16:30:00Z"))
            #expect(node.slots[0].day == Days.day("2026-03-16"))
            let orders = try #require(node.slots[0].orders)
            let key = key("@orders/2026-03-16/0", "LDN")
            let position = try await bench.store.position(key)
            #expect(position.id == orders.position && position.buckets.available == 10)
            #expect(bench.gate.rows.count == 14)
            #expect(bench.gate.rows.allSatisfy { $0.isFresh && $0.version == 1 })
            // Capacities are no goods: they are listed only where somebody asks for them.
            let listed = try await bench.store.stock
                .positions(skuPrefix: "", node: "LDN", after: nil, limit: 100)
            #expect(listed.isEmpty)
            let all = try await bench.store.stock
                .positions(skuPrefix: "@", node: "", after: nil, limit: 100)
            #expect(all.count == 14)
        }
    }

    @Test func `the same documents again, and the same command again, change nothing`() async throws
    {
        try await withBench { bench in
            let first = try await bench.put("p1", document(workday))
            let before = try bench.store.dump()
            let again = try await bench.put("p2", document(workday))
            #expect(again.version == 1 && again.changes == 0)
            let retried = try await bench.put("p1", document(workday))
            #expect(retried.version == first.version && retried.settlement.rows.isEmpty)
            #expect(try bench.store.dump() == before)
            let other = try await bench.keeping()
                .put(
                    [DocumentFile(name: "n.json", text: document(workday, node: "X"))],
                    header("p1", body: "other"),
                    prunes: false,
                    checksOnly: false,
                    note: "",
                )
            guard case .refused(.keyReused) = other else { throw Refused(description: "\(other)") }
        }
    }

    @Test func `a version stays what it was, whatever comes after`() async throws {
        try await withBench { bench in
            try await bench.put("p1", document(workday))
            let first = try await bench.network()
            try await bench.put("p2", document(workday.replacing("18:00", with: "20:00")))
            _ = try await bench.keeping().setStatus(header("s"), of: "LDN", .draining, note: "")
            _ = try await bench.keeping(monday.advanced(milliseconds: 3 * 86_400_000))
                .extendSlots(server: "s1")
            try await bench.put("p3", #"{"nodes": [], "currency": "EUR"}"#, prunes: true)
            let network = try await bench.network()
            #expect(network.version == 5 && network.nodes.isEmpty)
            let again = try await bench.network(1)
            #expect(again.nodes == first.nodes && again.services == first.services)
            #expect(try await bench.network(3).nodes[0].status == .draining)
            #expect(try await bench.network(0).nodes.isEmpty)
            #expect(try await bench.ledger.network(version: 6) == nil)
            let changes = try await bench.ledger.changes(before: .max, node: "", limit: 10)
            #expect(changes.map(\.version) == [5, 4, 3, 2, 1])
            #expect(changes.map(\.kind) == [.documents, .horizon, .status, .documents, .documents])
            #expect(changes[2].changes == ["node LDN DRAINING, was OPEN"])
            #expect(changes[4].origin == tester && changes[4].note == "why")
            #expect(changes[3].changes.first == "node LDN changed")
        }
    }

    @Test func `a calendar changes the slots ahead, and not what is open`() async throws {
        try await withBench { bench in
            try await bench.put("p1", document(workday))
            try await bench.put(
                "p2",
                document(
                    #"{"days": ["TUE-SUN"], "opens": "10:00", "closes": "12:00", "units": 7}"#,
                    exceptions: #"{"date": "2026-03-18", "windows": []}"#
                ),
            )
            let slots = try await bench.slots()
            #expect(
                slots.map { Days.text($0.day) } == [
                    "2026-03-16", "2026-03-17", "2026-03-19", "2026-03-20", "2026-03-21",
                    "2026-03-22",
                ]
            )
            #expect(slots[0].closesAt == instant("2026-03-16T18:00:00Z"))
            #expect(slots[0].orders == SlotFigures(capacity: 10, free: 10))
            #expect(slots[1].opensAt == instant("2026-03-17T10:00:00Z"))
            #expect(slots[1].orders == nil)
            #expect(slots[1].units == SlotFigures(capacity: 7, free: 7))
            // What is no slot any more takes nothing.
            let gone = try await bench.store.position(key("@units/2026-03-18/0", "LDN"))
            #expect(gone.buckets.available == 0)
        }
    }

    @Test func `summer time moves the slots, and takes the hour that the clock skips`() async throws
    {
        try await withBench { bench in
            // The clocks go forward on Sunday 2026-03-29 at 01:00 UTC.
            let friday = instant("2026-03-27T12:00:00Z")
            try await bench.put(
                "p1",
                document(
                    #"{"opens": "01:00", "closes": "02:00"}, {"opens": "08:00", "closes": "24:00"}"#
                ),
                at: friday,
            )
            let network = try await bench.network()
            let sunday = network.nodes[0].slots.filter { $0.day == Days.day("2026-03-29") }
            #expect(sunday.map(\.window) == [1])
            #expect(sunday[0].opensAt == instant("2026-03-29T07:00:00Z"))
            #expect(sunday[0].closesAt == instant("2026-03-29T23:00:00Z"))
            let saturday = network.nodes[0].slots.filter { $0.day == Days.day("2026-03-28") }
            #expect(
                saturday.map(\.opensAt) == [
                    instant("2026-03-28T01:00:00Z"), instant("2026-03-28T08:00:00Z"),
                ]
            )
            let cutoffs = network.nodes[0].lanes[0].cutoffs
            let index = try #require(network.nodes[0].slots.firstIndex(of: sunday[0]))
            #expect(cutoffs[index] == instant("2026-03-29T15:30:00Z"))
        }
    }

    @Test func `lowered capacity takes nothing from who was promised it`() async throws {
        try await withBench { bench in
            try await bench.put("p1", document(workday))
            let slot = key("@units/2026-03-17/0", "LDN")
            #expect(try await bench.store.hold("h1", [Demand(key: slot, quantity: 80)]) == 1)
            let day = try #require(Days.day("2026-03-17"))
            func set(_ name: String, _ units: Int64?) async throws {
                let outcome = try await bench.keeping()
                    .setCapacity(
                        header(name),
                        node: "LDN",
                        day: day,
                        number: 0,
                        .set(orders: 10, units: units),
                        note: "",
                    )
                guard case .done = outcome else { throw Refused(description: "\(outcome)") }
            }
            try await set("c1", 50)
            var position = try await bench.store.position(slot)
            #expect(position.buckets.held == 80 && position.buckets.available == -30)
            #expect(try await bench.slots()[1].units == SlotFigures(capacity: 50, free: -30))
            #expect(bench.gate.rows.last?.free == -30 && bench.gate.rows.last?.delta == -50)
            #expect(try await bench.store.hold("h2", [Demand(key: slot, quantity: 1)]) != 1)
            try await bench.store.resolve("h1", kind: 2)
            position = try await bench.store.position(slot)
            #expect(position.buckets.available == 50)
            try await set("c2", 120)
            #expect(try await bench.store.position(slot).buckets.available == 120)
            // What was set by hand stays when the calendar changes, until it is given back.
            try await bench.put("p2", document(workday.replacing("100", with: "200")))
            #expect(try await bench.slots()[1].units?.capacity == 120)
            #expect(try await bench.slots()[2].units?.capacity == 200)
            _ = try await bench.keeping()
                .setCapacity(
                    header("c3"),
                    node: "LDN",
                    day: day,
                    number: 0,
                    .asCalendar,
                    note: ""
                )
            #expect(try await bench.slots()[1].units == SlotFigures(capacity: 200, free: 200))
            let missing = try await bench.keeping()
                .setCapacity(
                    header("c4"),
                    node: "LDN",
                    day: day,
                    number: 5,
                    .asCalendar,
                    note: ""
                )
            guard case .refused(.notFound(.slot, _)) = missing else {
                throw Refused(description: "\(missing)")
            }
        }
    }

    @Test func `slots of the next days are laid once, by whoever comes first`() async throws {
        try await withBench(connections: 8) { bench in
            try await bench.put("p1", document(workday))
            let tuesday = monday.advanced(milliseconds: 86_400_000)
            let laid = try await withThrowingTaskGroup(of: Int?.self) { group in
                let ledger = bench.ledger
                for server in 0..<8 {
                    group.addTask {
                        try await ledger.extendSlots(now: tuesday, server: "s\(server)")?.changes
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(laid.compactMap { $0 }.filter { $0 > 0 } == [1])
            #expect(try await bench.slots().count == 8)
            let twoDays = tuesday.advanced(milliseconds: 2 * 86_400_000)
            let result = try #require(try await bench.keeping(twoDays).extendSlots(server: "s"))
            // Two days more, and Monday and Tuesday's slots are history: over since a day and more.
            #expect(result.changes == 4)
            let slots = try await bench.slots()
            #expect(slots.first?.day == Days.day("2026-03-18"))
            #expect(slots.last?.day == Days.day("2026-03-25"))
            #expect(try await bench.keeping(twoDays).extendSlots(server: "s")?.changes == 0)
        }
    }

    @Test func `documents that were checked against another version are checked again`()
        async throws
    {
        try await withBench(connections: 8) { bench in
            try await bench.put("p0", document(workday))
            let ledger = bench.ledger
            let results = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<6 {
                    let item = NetworkItem(
                        kind: .place,
                        name: "X\(number)",
                        document: #"{"country":"DE"}"#
                    )
                    group.addTask {
                        let outcome = try await ledger.put(
                            NetworkPut(
                                header: header("q\(number)"),
                                expected: 1,
                                items: [item],
                                now: monday,
                                note: ""
                            )
                        )
                        if case .moved = outcome { return false }
                        return true
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(results.filter { $0 }.count == 1)
        }
    }

    @Test func `a wrong document changes nothing, and an unknown zone is found`() async throws {
        try await withBench { bench in
            let outcome = try await bench.keeping()
                .put(
                    [DocumentFile(name: "n.json", text: document(workday, zone: "Europe/Londin"))],
                    header("p1"),
                    prunes: false,
                    checksOnly: false,
                    note: "",
                )
            guard case .invalid(let faults) = outcome else {
                throw Refused(description: "\(outcome)")
            }
            #expect(faults.map(\.field) == ["nodes[0].time_zone"])
            #expect(try bench.store.sql("SELECT count(*) FROM network_versions") == "0")
        }
    }

    @Test func `seals cover the network, and a changed row is found`() async throws {
        try await withBench { bench in
            try await bench.put("p1", document(workday))
            try await bench.store.sealAll()
            #expect(try await bench.store.findings() == [])
            try bench.store.sql("UPDATE network_items SET document = '{}' WHERE kind = 2")
            let findings = try await bench.store.findings()
            #expect(!findings.isEmpty)
            try bench.store.sql("UPDATE network_versions SET principal = 'x'")
            #expect(try await !bench.store.findings().isEmpty)
        }
    }
}

@Suite struct RuleLedgerTests {
    private func document(_ cost: Int) -> String {
        #"{"name":"web","rules":[],"goals":{"cost":\#(cost)}}"#
    }

    @Test func `a change is a new version, and the same again is none`() async throws {
        try await withStore { store in
            let rules = RuleLedger(postgres: store.postgres)
            func put(_ key: String, _ cost: Int) async throws -> String {
                let outcome = try await rules.put(
                    header(key, body: "\(cost)"),
                    name: "web",
                    document: document(cost),
                    note: "n"
                )
                guard case .done(let version, let isChanged) = outcome else {
                    throw Refused(description: "\(outcome)")
                }
                return "\(version ?? 0) \(isChanged ? "new" : "as before")"
            }
            #expect(try await put("a", 1) == "1 new")
            #expect(try await put("b", 1) == "1 as before")
            #expect(try await put("c", 2) == "2 new")
            #expect(try await put("a", 1) == "1 new")
            #expect(try await rules.ruleSet(name: "web", version: 1)?.rules.goals.cost == 1)
            #expect(try await rules.ruleSet(name: "web", version: nil)?.rules.goals.cost == 2)
            #expect(try await rules.ruleSet(name: "web", version: 3) == nil)
            #expect(try await rules.ruleSet(name: "standard", version: nil)?.rules == .standard)
            // Nobody who serves can edit a version.
            let rights = try store.sql(
                "SELECT has_table_privilege('\(servingRole)', 'rule_sets', 'UPDATE, DELETE')"
            )
            #expect(rights == "f")
        }
    }

    @Test func `a channel follows the latest version, or keeps to one`() async throws {
        try await withStore { store in
            let rules = RuleLedger(postgres: store.postgres)
            let network = NetworkLedger(postgres: store.postgres)
            for (index, cost) in [1, 2].enumerated() {
                _ = try await rules.put(
                    header("p\(index)"),
                    name: "web",
                    document: document(cost),
                    note: ""
                )
            }
            func assign(
                _ key: String,
                _ channel: String,
                _ name: String?,
                _ version: Int32?
            )
                async throws -> Bool
            {
                let outcome = try await rules.assign(
                    header(key),
                    channel: channel,
                    name: name,
                    version: version,
                    note: ""
                )
                guard case .done(_, let isChanged) = outcome else {
                    throw Refused(description: "\(outcome)")
                }
                return isChanged
            }
            #expect(try await assign("a", "shop", "web", nil))
            #expect(try await assign("b", "till", "web", 1))
            #expect(try await assign("c", "till", "web", 1) == false)
            var snapshot = try await network.routingSnapshot()
            #expect(snapshot.rules(for: "shop").version == 2)
            #expect(snapshot.rules(for: "till").goals.cost == 1)
            #expect(snapshot.rules(for: "other") == .standard)
            #expect(snapshot.versions == RoutingVersions(network: 0, rules: 4))
            _ = try await rules.put(header("p9"), name: "web", document: document(9), note: "")
            snapshot = try await network.routingSnapshot()
            #expect(snapshot.rules(for: "shop").goals.cost == 9)
            #expect(snapshot.rules(for: "till").goals.cost == 1)
            #expect(try await assign("d", "till", nil, nil))
            #expect(try await network.ruleSet(channel: "till") == .standard)
            #expect(try await network.ruleSet(channel: "shop").goals.cost == 9)
            let unknown = try await rules.assign(
                header("e"),
                channel: "till",
                name: "web",
                version: 7,
                note: ""
            )
            guard case .refused(.notFound(.ruleSet, _)) = unknown else {
                throw Refused(description: "\(unknown)")
            }
            let changes = try await rules.changes(before: .max, limit: 10)
            #expect(changes.map(\.number) == [6, 5, 4, 3, 2, 1])
            #expect(changes[0].channel == "till" && changes[0].name.isEmpty)
            #expect(try await rules.ruleSets().map(\.channels) == [["shop"]])
        }
    }

    @Test func `the snapshot of a process is renewed when something changed, and never goes back`()
        async throws
    {
        try await withStore { store in
            let network = NetworkLedger(postgres: store.postgres)
            let data = RoutingData()
            #expect(throws: Failure.self) { try data.snapshot() }
            #expect(try await data.refresh(network))
            #expect(try await data.refresh(network) == false)
            let rules = RuleLedger(postgres: store.postgres)
            _ = try await rules.put(header("p"), name: "web", document: document(1), note: "")
            #expect(try await data.refresh(network))
            #expect(try data.snapshot().versions.rules == 1)
            #expect(try #require(data.ageMs) < 5_000)
        }
    }
}
