// Documents of rule sets: what they say, what contradicts itself, what may be meant so.

import Base
import Domain
import Testing

@testable import Promising

@Suite struct RuleSetReaderTests {
    private func read(_ text: String, network: Network? = nil) -> RuleSetDraft {
        RuleSetReader.read(DocumentFile(name: "r.json", text: text), network: network)
    }

    private func rules(_ rules: String, network: Network? = nil) -> [DocumentFault] {
        read(#"{"name":"web","rules":["# + rules + #"],"goals":{"cost":1}}"#, network: network)
            .faults
    }

    private var network: Network {
        get throws {
            var node = NodeDefinition(
                name: "LDN",
                kind: .store,
                status: nil,
                place: GeoPoint(latitudeE6: 0, longitudeE6: 0),
                country: "GB",
                timeZone: "Europe/London",
                abilities: .ship,
                countriesServed: [],
                handlingMinutes: 0,
                priority: 0,
                shipmentCostMinor: 0,
                unitCostMinor: 0,
                calendar: [],
                exceptions: [],
                lanes: []
            )
            node.status = .open
            var definition = NetworkDefinition()
            definition.nodes = [node]
            return try Network(version: 1, definition, slots: [])
        }
    }

    @Test func `a rule set is read, and what is written of it is read as the same`() throws {
        let draft = read(
            """
            {"name": "web", "rules": [
              {"rule": "NOT_FROM", "kinds": ["3PL"], "destinations": ["GB", "FR"]},
              {"rule": "ONLY_FROM", "nodes": ["B", "A"], "countries": ["GB"]},
              {"rule": "SHIPMENTS_AT_MOST", "shipments": 3}, {"rule": "LINES_WHOLE"},
              {"rule": "ARRIVES_WITHIN", "days": 4},
              {"rule": "KEEPS_LAST", "units": 2, "kinds": ["STORE"]}],
             "goals": {"cost": 100, "scarcity": 3, "scarce_below": 5}}
            """
        )
        #expect(draft.faults.isEmpty, "\(draft.faults)")
        #expect(draft.rules.rules.count == 6)
        #expect(draft.rules.goals.cost == 100 && draft.rules.goals.scarceBelow == 5)
        let again = try RuleSet(stored: draft.rules.document, name: "web", version: 7)
        #expect(again.rules == draft.rules.rules && again.goals == draft.rules.goals)
        #expect(again.version == 7 && again.document == draft.rules.document)
        #expect(
            read(#"{"name":"n","rules":[{"rule":"NO_SPLIT"}],"goals":{"cost":1}}"#).rules.rules
                == [.shipmentsAtMost(1)]
        )
        _ = RuleSet.standard.document
    }

    @Test func `everything that is wrong is told with its place`() {
        let found = read(
            """
            {"name": "standard", "rules": [
              {"rule": "NEVER"},
              {"rule": "SHIPMENTS_AT_MOST", "shipments": 0},
              {"rule": "KEEPS_LAST", "kinds": ["SHOP"], "days": 3}],
             "goals": {"cost": -1, "scarcity": 1}}
            """
        )
        .faults.filter { !$0.isWarning }.map(\.description)
        #expect(found.contains { $0.hasPrefix("r.json:1: name: standard is built in") })
        #expect(found.contains { $0.hasPrefix("r.json:2: rules[0].rule: \"NEVER\" is none of") })
        #expect(found.contains("r.json:3: rules[1].shipments: is 0, must be 1 to 100"))
        #expect(found.contains { $0.hasPrefix("r.json:4: rules[2].kinds[0]: \"SHOP\"") })
        #expect(found.contains { $0.hasPrefix("r.json:4: rules[2].days: is not known here") })
        #expect(found.contains("r.json:4: rules[2].units: is missing"))
        #expect(found.contains("r.json:5: goals.cost: is -1, must not be negative"))
        #expect(found.contains { $0.hasPrefix("r.json:5: goals.scarce_below: must be said") })
        #expect(found.count == 8, "\(found)")
    }

    @Test(arguments: [
        (#"{"rule":"ONLY_FROM","nodes":["A"]},{"rule":"ONLY_FROM","nodes":["B"]}"#, true),
        (#"{"rule":"ONLY_FROM","kinds":["DC"]},{"rule":"ONLY_FROM","kinds":["STORE"]}"#, true),
        (#"{"rule":"ONLY_FROM","nodes":["A","B"]},{"rule":"ONLY_FROM","nodes":["B"]}"#, false),
        (
            #"{"rule":"ONLY_FROM","nodes":["A"],"destinations":["GB"]},{"rule":"ONLY_FROM","nodes":["B"],"destinations":["DE"]}"#,
            false
        ),
        (#"{"rule":"ONLY_FROM","nodes":["A"]},{"rule":"NOT_FROM","nodes":["A","B"]}"#, true),
        (#"{"rule":"NOT_FROM"},{"rule":"ONLY_FROM","nodes":["A"]}"#, true),
        (#"{"rule":"ONLY_FROM","nodes":["A"]},{"rule":"NOT_FROM","nodes":["B"]}"#, false),
        (#"{"rule":"ONLY_FROM","kinds":["DC"]},{"rule":"NOT_FROM","nodes":["B"]}"#, false),
        (
            #"{"rule":"ONLY_FROM","nodes":["A"]},{"rule":"NOT_FROM","nodes":["A"],"destinations":["GB"]}"#,
            false
        ),
    ]) func `rules that leave no node are an error`(_ text: String, _ contradicts: Bool) {
        let errors = rules(text).filter { !$0.isWarning }
        #expect(errors.isEmpty != contradicts, "\(errors)")
        if contradicts { #expect(errors.first?.field == "rules[1]") }
    }

    @Test func `a node that is not there is a warning`() throws {
        let found = rules(#"{"rule":"NOT_FROM","nodes":["LDN","MAN"]}"#, network: try network)
        #expect(
            found.map(\.description) == [
                "r.json:1: rules[0].nodes: the network has no node MAN"
            ]
        )
        #expect(found.first?.isWarning == true)
        let none = rules(#"{"rule":"KEEPS_LAST","units":1,"kinds":["DC"]}"#, network: try network)
        #expect(none.map(\.text) == ["no node of the network is meant by it"])
    }

    @Test(arguments: ["2026-11-30", "2000-01-01", "2000-02-29", "2999-12-31", "2024-03-01"])
    func `days are texts and back`(_ text: String) throws {
        let day = try #require(Days.day(text))
        #expect(Days.text(day) == text)
    }

    @Test func `the days are those of the calendar`() {
        #expect(Days.day("2000-01-01") == 10_957)
        #expect(Days.text(0) == "1970-01-01")
        #expect(Days.text(-1) == "1969-12-31")
        for text in ["2026-02-29", "2026-13-01", "2026-1-01", "1999-01-01", "x", ""] {
            #expect(Days.day(text) == nil)
        }
    }
}
