// Documents of the network: what they say, and everything that is wrong with them at once.

import Base
import Domain
import Testing

@testable import Promising

@Suite struct NetworkReaderTests {
    private static let whole = """
        {"currency": "EUR",
         "services": [{"name": "road", "carrier": "C", "rates": [
             {"from": "DE", "base_minor": 400, "transit_days": 1}]}],
         "nodes": [{"name": "BER", "kind": "3PL", "latitude": 52.4378, "longitude": -13.5,
             "country": "DE", "time_zone": "Europe/Berlin",
             "calendar": [{"days": ["MON-FRI"], "opens": "08:00", "closes": "24:00", "orders": 5}],
             "exceptions": [{"date": "2026-12-25", "windows": []}],
             "lanes": [{"service": "road", "cutoff": "16:30"}]}],
         "places": [{"country": "DE", "latitude": 51, "longitude": 10}]}
        """

    private func read(_ text: String) -> (draft: NetworkDraft, faults: [DocumentFault]) {
        NetworkReader.read([DocumentFile(name: "net.json", text: text)])
    }

    private func faults(_ text: String) -> [String] {
        let (draft, faults) = read(text)
        let checks = NetworkChecks(draft, current: NetworkDefinition(), unknownZones: [])
        return (faults + checks.faults).filter { !$0.isWarning }.map(\.description)
    }

    @Test func `a document is read, and what is written of it is read as the same`() throws {
        let (draft, faults) = read(Self.whole)
        #expect(faults.isEmpty)
        let node = try #require(draft.definition.nodes.first)
        #expect(node.place == GeoPoint(latitudeE6: 52_437_800, longitudeE6: -13_500_000))
        #expect(
            node.calendar == [
                CalendarWindow(
                    days: Weekdays(rawValue: 31),
                    opens: 480,
                    closes: 1_440,
                    orders: 5,
                    units: nil
                )
            ]
        )
        #expect(node.abilities == .ship && node.status == nil)
        let (again, none) = read(draft.definition.document)
        #expect(none.isEmpty)
        #expect(again.definition == draft.definition)
        #expect(again.definition.document == draft.definition.document)
    }

    @Test func `everything that is wrong is told at once, each with its line and path`() {
        let text = """
            {"currency": "EUR",
             "services": [
               {"name": "road", "carrier": "C", "currency": "GBP", "rates": [
                 {"from": "XX", "base_minor": -1, "transit_days": 1},
                 {"to": "DE", "base_minor": 1.5, "transit_days": 1}]}],
             "nodes": [
               {"name": "A", "kind": "DC", "latitude": 91, "longitude": 0, "country": "DE",
                "time_zone": "Europe/Berlin", "colour": "red"},
               {"name": "B", "kind": "SHED", "latitude": 1, "longitude": -180.5, "country": "Germany",
                "time_zone": "Europe/Berlin",
                "calendar": [
                  {"opens": "08:00", "closes": "12:00"},
                  {"days": ["MON"], "opens": "11:59", "closes": "13:00"},
                  {"days": ["MUN"], "opens": "25:00", "closes": "13:00"},
                  {"opens": "14:00", "closes": "14:00"}],
                "exceptions": [{"date": "2026-02-30"}]}]}
            """
        let expected = [
            "net.json:3: services[0].currency: is GBP, but net.json:1 says EUR: one network, one currency",
            "net.json:4: services[0].rates[0].base_minor: is -1, must not be negative",
            "net.json:4: services[0].rates[0].from: \"XX\" is no country: two capital letters of ISO 3166, as in GB",
            "net.json:5: services[0].rates[1].base_minor: is 1.5, must be a whole number",
            "net.json:7: nodes[0].latitude: is 91, must be -90 to 90",
            "net.json:9: nodes[1].country: \"Germany\" is no country: two capital letters of ISO 3166, as in GB",
            "net.json:9: nodes[1].kind: \"SHED\" is none of DC, STORE, 3PL, VENDOR",
            "net.json:9: nodes[1].longitude: is -180.5, must be -180 to 180",
            "net.json:13: nodes[1].calendar[1].opens: the window overlaps nodes[1].calendar[0] (line 12)",
            "net.json:14: nodes[1].calendar[2].opens: \"25:00\" is no time of the day, as in 08:00",
            "net.json:15: nodes[1].calendar[3].closes: is not after `opens`; a window ends on its day, at 24:00",
            "net.json:16: nodes[1].exceptions[0].date: \"2026-02-30\" is no date, as in 2026-12-25",
        ]
        let found = faults(text)
        for line in expected { #expect(found.contains(line), "missing: \(line)") }
        #expect(found.contains { $0.hasPrefix("net.json:8: nodes[0].colour: is not known here") })
        #expect(
            found.contains { $0.hasPrefix("net.json:14: nodes[1].calendar[2].days[0]: \"MUN\"") }
        )
        #expect(found.count == expected.count + 2, "\(found)")
    }

    @Test func `names that stand elsewhere have to be there, once`() {
        let text = Self.whole.replacing("\"service\": \"road\"", with: "\"service\": \"rail\"")
        #expect(
            faults(text) == [
                "net.json:8: nodes[0].lanes[0].service: there is no service rail"
            ]
        )
        let (draft, twice) = NetworkReader.read([
            DocumentFile(name: "a.json", text: Self.whole),
            DocumentFile(name: "b.json", text: Self.whole),
        ])
        #expect(draft.definition.nodes.count == 1)
        #expect(
            twice.map(\.description) == [
                "b.json:2: services[0].name: road is defined twice",
                "b.json:4: nodes[0].name: BER is defined twice",
                "b.json:9: places[0]: DE is defined twice",
            ]
        )
    }

    @Test func `a zone that Postgres does not know, and another currency than the network's`() {
        let (draft, _) = read(Self.whole)
        var current = NetworkDefinition()
        current.currency = "GBP"
        current.nodes = draft.definition.nodes
        let checks = NetworkChecks(draft, current: current, unknownZones: ["Europe/Berlin"])
        #expect(
            checks.faults.map(\.description) == [
                "net.json:1: currency: is EUR, but the network counts in GBP",
                "net.json:5: nodes[0].time_zone: \"Europe/Berlin\" is no time zone, as in Europe/London",
            ]
        )
    }

    @Test func `tables make the same network as one document`() throws {
        let tables = [
            ("t/services.csv", "name,carrier,currency\nroad,C,EUR\n"),
            ("t/rates.csv", "service,from,base_minor,transit_days\nroad,DE,400,1\n"),
            (
                "t/nodes.csv",
                "name,kind,latitude,longitude,country,time_zone\nBER,3PL,52.4378,-13.5,DE,Europe/Berlin\n"
            ),
            ("t/calendar.csv", "node,days,opens,closes,orders\nBER,MON-FRI,08:00,24:00,5\n"),
            ("t/exceptions.csv", "node,date\nBER,2026-12-25\n"),
            ("t/lanes.csv", "node,service,cutoff\nBER,road,16:30\n"),
            ("t/places.csv", "country,latitude,longitude\nDE,51,10\n"),
        ]
        let (draft, faults) = NetworkReader.read(tables.map { DocumentFile(name: $0, text: $1) })
        #expect(faults.isEmpty, "\(faults)")
        #expect(draft.definition == read(Self.whole).draft.definition)
    }

    @Test func `what is wrong with a table is told with its line and column`() {
        let (_, faults) = NetworkReader.read([
            DocumentFile(
                name: "nodes.csv",
                text: """
                    name,kind,latitude,longitude,country,time_zone,priority
                    A,DC,north,0,DE,Europe/Berlin,1
                    B,DC,1,2,DE,Europe/Berlin
                    C,DC,1,2,DE,,2x
                    """
            ),
            DocumentFile(name: "lanes.csv", text: "node,service,cutoff\nD,road,16:30\n"),
            DocumentFile(name: "stock.csv", text: "a\n"),
            DocumentFile(name: "places.csv", text: "country,town\nDE,x\n"),
        ])
        let found = faults.map(\.description)
        #expect(found.contains("nodes.csv:3: has 6 fields, the header has 7"), "\(found)")
        #expect(found.contains("lanes.csv:2: node: D is not in nodes.csv"), "\(found)")
        #expect(
            found.contains { $0.hasPrefix("stock.csv:1: is no table of a network") },
            "\(found)"
        )
        #expect(
            found.contains { $0.hasPrefix("places.csv:1: town: is no column of it") },
            "\(found)"
        )
        let (_, values) = NetworkReader.read([
            DocumentFile(
                name: "nodes.csv",
                text: """
                    name,kind,latitude,longitude,country,time_zone,priority
                    A,DC,north,0,DE,Europe/Berlin,1
                    C,DC,1,2,DE,,2x
                    """
            )
        ])
        #expect(
            values.map(\.description) == [
                "nodes.csv:2: latitude: must be a number of degrees",
                "nodes.csv:3: nodes[1].time_zone: is missing",
                "nodes.csv:3: priority: is 2x, must be a whole number",
            ]
        )
    }

    @Test(arguments: [
        ("", "no JSON: it ends too early"), ("{\"a\" 1}", "no JSON: a colon is expected"),
        ("{\"a\": 01}", "no JSON: no number"), ("[1,]", "no JSON: a value is expected"),
        ("{} x", "no JSON: something follows the end of the document"),
        ("\"\\ud800\"", "no JSON: half a character"), ("\"a", "no JSON: a text is never closed"),
    ]) func `what is no JSON is said so`(_ text: String, _ why: String) {
        #expect(throws: DocumentFault.self) { try DocumentValue(json: text, file: "f") }
        do throws(DocumentFault) {
            _ = try DocumentValue(json: text, file: "f")
        } catch {
            #expect(error.text == why)
        }
    }
}
