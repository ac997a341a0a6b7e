// Planning a cart: twenty nodes of a retailer, three lines, four services, two weeks of slots.

internal import Base
internal import Domain
internal import Routing

extension Part {
    /// Nothing is scattered: any of some nodes can send all of it.
    static var routeWhole: Part { route("anywhere", lines: 3) { _, _ in true } }

    /// A node has two SKUs of three: some have all, most do not.
    static var routeUsual: Part {
        route("two of three there", lines: 3) { line, node in
            (line * 7 + node * 5 + line * node) % 3 != 0
        }
    }

    /// No node has more than one of the SKUs, so that three have to send something.
    static var routeSplit: Part {
        route("must be split", lines: 3) { line, node in (line + node) % 3 == 0 }
    }

    /// A large cart, of which each node has a third.
    static var routeLarge: Part {
        route("8 lines, 12 nodes", lines: 8, nodes: 12) { line, node in
            ((line + 1) * (node + 3) * 7 / 4) % 3 == 0
        }
    }

    private static let questions = 64

    private static func route(
        _ name: String,
        lines: Int,
        nodes: Int = 20,
        has: @escaping (_ line: Int, _ node: Int) -> Bool,
    ) -> Part {
        Part(
            name: "route planned, \(name)",
            operation: "plan",
            operationsPerRound: questions,
        ) {
            let index = RoutingIndex(network(nodes: nodes))
            let rules = RoutingRules(.standard, for: index)
            let cases = (0..<questions)
                .map { number in
                    (question(number, lines: lines), view(index.network, number, lines, has))
                }
            return { rounds in
                var sum = 0
                for _ in 0..<rounds {
                    for (question, view) in cases {
                        let answer = RoutePlanner.plan(
                            question: question,
                            index: index,
                            rules: rules,
                            view: view,
                        )
                        guard answer.isOptimal, let winner = answer.plans.first else {
                            invariantBroken("a question of the benchmark has no plan")
                        }
                        sum &+= Int(winner.score)
                    }
                }
                return sum
            }
        }
    }

    // MARK: The case

    /// The Monday on which the questions are asked.
    private static let today: Day = 20_787

    private static func network(nodes count: Int) -> Network {
        let countries = ["GB", "GB", "GB", "DE", "FR", "NL", "IE"]
        let nodes = (0..<count)
            .map { place in
                let slots = (0..<14).map { slot(day: today + Day($0)) }
                return Node(
                    name: "NODE-\(10 + place)",
                    kind: place < 4 ? .distributionCentre : .store,
                    status: .open,
                    place: GeoPoint(
                        latitudeE6: Int32(48_000_000 + place * 7 % 9 * 1_000_000),
                        longitudeE6: Int32(-4_000_000 + place * 5 % 13 * 1_000_000)
                    ),
                    country: countries[place % countries.count],
                    timeZone: "Europe/London",
                    abilities: [.ship, .pickUp],
                    countriesServed: [],
                    handlingMinutes: 120,
                    priority: Int32(place < 4 ? 0 : 1),
                    shipmentCostMinor: Int64(place < 4 ? 80 : 150),
                    unitCostMinor: Int64(place < 4 ? 20 : 45),
                    lanes: (0..<4)
                        .map { service in
                            Lane(
                                service: service,
                                cutoffs: slots.map { slot in
                                    slot.opensAt.advanced(
                                        milliseconds: Int64(7 + service) * 3_600_000
                                    )
                                },
                            )
                        },
                    slots: slots,
                )
            }
        return Network(
            version: 1,
            currency: "GBP",
            nodes: nodes,
            services: services(countries),
            places: [
                KnownPlace(
                    country: "GB",
                    postalPrefix: "",
                    point: GeoPoint(latitudeE6: 52_500_000, longitudeE6: -1_500_000)
                )
            ],
        )
    }

    private static func slot(day: Day) -> Slot {
        let opens = Instant(seconds: Int64(day) * 86_400 + 8 * 3_600)
        return Slot(
            day: day,
            window: 0,
            opensAt: opens,
            closesAt: opens.advanced(milliseconds: 10 * 3_600_000),
            orders: Capacity(position: 1, capacity: 500),
            units: Capacity(position: 2, capacity: 2_000),
        )
    }

    /// Slow and cheap to fast and dear; the last is collected by the customer.
    private static func services(_ countries: [String]) -> [CarrierService] {
        ["ECONOMY", "STANDARD", "EXPRESS", "COLLECT"].enumerated()
            .map { number, name in
                let named = Set(countries).sorted()
                    .map { country in
                        Rate(
                            origin: country,
                            destination: country,
                            postalPrefix: "",
                            baseMinor: Int64(295 + 220 * number),
                            unitMinor: Int64(10 * number),
                            kilogramMinor: 40,
                            transitDays: Int16(max(1, 3 - number)),
                        )
                    }
                let abroad = Rate(
                    origin: nil,
                    destination: nil,
                    postalPrefix: "",
                    baseMinor: Int64(895 + 500 * number),
                    unitMinor: Int64(25 * number),
                    kilogramMinor: 160,
                    transitDays: Int16(max(2, 7 - 2 * number)),
                )
                return CarrierService(
                    name: name,
                    carrier: "POST",
                    isPickUp: number == 3,
                    carriesHazardous: false,
                    deliveryWeekdays: 0x1F,
                    rates: named + [abroad],
                )
            }
    }

    private static func question(_ number: Int, lines: Int) -> RouteQuestion {
        RouteQuestion(
            lines: (0..<lines)
                .map { line in
                    CartLine(
                        sku: "SKU-0000\(line)",
                        quantity: Int64(1 + (number + line) % 3),
                        weightGrams: Int64(150 + 230 * line),
                    )
                },
            destination: Destination(
                country: ["GB", "GB", "GB", "DE"][number % 4],
                postalCode: ["SW1A 1AA", "M1 1AE", "EH1 1YZ", "10115"][number % 4],
            ),
            channel: "web",
        )
    }

    private static func view(
        _ network: Network,
        _ number: Int,
        _ lines: Int,
        _ has: (_ line: Int, _ node: Int) -> Bool,
    ) -> RouteView {
        var units: [Int64] = []
        for line in 0..<lines {
            for node in network.nodes.indices {
                units.append(has(line, node) ? Int64(4 + (number + 3 * line + node) % 40) : 0)
            }
        }
        return RouteView(
            now: Instant(seconds: Int64(today) * 86_400 + Int64(8 + number % 8) * 3_600),
            units: units,
            slots: network.nodes.indices.map { node in
                (0..<14)
                    .map { slot in
                        SlotRoom(
                            orders: Int64(500 - (number + node) % 90 / (slot + 1)),
                            units: Int64(2_000 - (number + node) % 300),
                        )
                    }
            },
        )
    }
}
