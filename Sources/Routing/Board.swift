// A question with everything that may answer it, in flat arrays: which nodes, what they could give, and
// what each of their services and slots would cost.

internal import Base
internal import Domain

/// What a search for the cause of a refusal pretends away.
struct Relaxation: OptionSet, Sendable {
    let rawValue: UInt8

    static let capacity = Relaxation(rawValue: 1)
    static let promiseDate = Relaxation(rawValue: 2)
    static let rules = Relaxation(rawValue: 4)
}

/// A service and a slot of a node that could take a shipment.
struct Offer {
    /// Its place in the network's services.
    var service: Int
    /// Its place in the node's slots.
    var slot: Int
    /// Its place among the node's slots in their order: by day, then by place.
    var slotOrder: Int
    var arrives: Day
    /// Until it arrives, from today; -1 at least.
    var days: Int64
    /// Units that it takes at most.
    var room: Int64
    var carriesHazardous: Bool
    /// What a shipment with it adds, the arrival aside.
    var fixed: Rank
    var rate: LaneRate
    var loadPermille: Int64
}

/// A node that could serve something.
struct Candidate {
    /// Its place in the network.
    var node: Int
    var distanceKm: Int64
    /// Places in the board's offers, in the order of ties: by arrival, then by service, then by slot.
    var offers: Range<Int>
}

/// The question, laid out.
///
/// A class, so that the parts of a search share it for one count of references.
final class Board: Sendable {
    let quantities: [Int64]
    /// By line.
    let hazardous: [Bool]
    let today: Day
    let arriveBy: Day?
    let shipmentsMax: Int
    let linesWhole: Bool
    let goals: Goals
    /// What a unit adds that is taken of the last ones.
    let scarce: Rank

    /// In the network's order.
    let candidates: [Candidate]
    let offers: [Offer]
    /// What a unit adds: by offer, then by line.
    let unitRanks: [Rank]
    /// Units that a candidate could give, no more than are asked for: by candidate, then by line.
    let units: [Int64]
    /// How many of them before they are scarce.
    let calm: [Int64]
    let lineCount: Int

    fileprivate init(_ maker: BoardMaker) {
        quantities = maker.quantities
        hazardous = maker.hazardous
        today = maker.today
        arriveBy = maker.arriveBy
        shipmentsMax = maker.shipmentsMax
        linesWhole = maker.linesWhole
        goals = maker.goals
        scarce = Ranks.unit(score: min(goals.scarcity, Ranks.offerScoreMax), cost: 0)
        candidates = maker.candidates
        offers = maker.offers
        unitRanks = maker.unitRanks
        units = maker.units
        calm = maker.calm
        lineCount = quantities.count
    }

    /// Units of a line that an offer may take.
    func units(candidate: Int, offer: Int, line: Int) -> Int64 {
        if hazardous[line], !offers[offer].carriesHazardous { return 0 }
        return units[candidate * lineCount + line]
    }
}

/// Lays questions out.
struct BoardMaker {
    let question: RouteQuestion
    let index: RoutingIndex
    let rules: RoutingRules
    let view: RouteView
    let relaxed: Relaxation
    /// Whether offers that others are better than in everything are left out.
    let onlyUseful: Bool

    // Of the board.
    fileprivate let quantities: [Int64]
    fileprivate let hazardous: [Bool]
    fileprivate let today: Day
    fileprivate let arriveBy: Day?
    fileprivate let shipmentsMax: Int
    fileprivate let linesWhole: Bool
    fileprivate let goals: Goals
    fileprivate var candidates: [Candidate] = []
    fileprivate var offers: [Offer] = []
    fileprivate var unitRanks: [Rank] = []
    fileprivate var units: [Int64] = []
    fileprivate var calm: [Int64] = []

    /// By line.
    private let grams: [Int64]
    private let letters: [UInt8]
    private let rates: RateTable.Country
    private let destination: SpherePoint?
    private let latest: Int64
    private let bans: [RoutingRules.Ban]
    private let anyHazardous: Bool
    /// Of the node that is being looked at, by line.
    private var given: [Int64]
    /// Why services of the node go with no slot.
    private(set) var servicesOut: [ServiceExclusion] = []

    init(
        question: RouteQuestion,
        index: RoutingIndex,
        rules: RoutingRules,
        view: RouteView,
        relaxed: Relaxation = [],
        onlyUseful: Bool = true,
    ) {
        self.question = question
        self.index = index
        self.rules = rules
        self.view = view
        self.relaxed = relaxed
        self.onlyUseful = onlyUseful
        letters =
            question.destination.postalCode.isEmpty
            ? [] : postalLetters(question.destination.postalCode)
        rates = index.rates.country(question.destination.country)
        destination = index.places.point(of: question.destination, letters: letters)
        let today = Day(clamping: view.now.microseconds.flooredQuotient(by: 86_400_000_000))
        var latest = question.arriveBy.map(Int64.init)
        if let days = rules.daysMax { latest = min(latest ?? .max, Int64(today) + days) }
        if relaxed.contains(.promiseDate) { latest = nil }
        self.latest = latest ?? .max
        let country = question.destination.country
        bans =
            relaxed.contains(.rules)
            ? []
            : rules.bans.filter { $0.destinations?.contains(country) ?? true }
        anyHazardous = question.lines.contains { $0.isHazardous }
        given = Array(repeating: 0, count: question.lines.count)
        var most = relaxed.contains(.rules) ? nil : rules.shipmentsMax
        if question.isPickUp { most = min(most ?? 1, 1) }
        quantities = question.lines.map(\.quantity)
        hazardous = question.lines.map(\.isHazardous)
        grams = question.lines.map { max(0, $0.weightGrams) }
        self.today = today
        arriveBy = latest.map { Day(clamping: $0) }
        shipmentsMax = min(most ?? .max, Ranks.shipmentsMax)
        linesWhole = rules.linesWhole && !relaxed.contains(.rules)
        goals = rules.goals
        let nodes = index.nodes.count
        let lines = question.lines.count
        candidates.reserveCapacity(nodes)
        offers.reserveCapacity(4 * nodes)
        unitRanks.reserveCapacity(4 * nodes * lines)
        units.reserveCapacity(nodes * lines)
        calm.reserveCapacity(nodes * lines)
    }

    /// The board of the question.
    static func board(
        _ question: RouteQuestion,
        _ index: RoutingIndex,
        _ rules: RoutingRules,
        _ view: RouteView,
        relaxed: Relaxation = [],
    ) -> Board {
        var maker = BoardMaker(
            question: question,
            index: index,
            rules: rules,
            view: view,
            relaxed: relaxed,
        )
        for node in index.nodes.indices { _ = maker.add(node) }
        return Board(maker)
    }

    /// The board of the question with every offer, and why nodes and services are not on it.
    static func explained(
        _ question: RouteQuestion,
        _ index: RoutingIndex,
        _ rules: RoutingRules,
        _ view: RouteView,
    ) -> (board: Board, exclusions: [Exclusion?], servicesOut: [[ServiceExclusion]]) {
        var maker = BoardMaker(
            question: question,
            index: index,
            rules: rules,
            view: view,
            onlyUseful: false,
        )
        var exclusions: [Exclusion?] = []
        var servicesOut: [[ServiceExclusion]] = []
        for node in index.nodes.indices {
            maker.servicesOut = []
            exclusions.append(maker.add(node))
            servicesOut.append(maker.servicesOut)
        }
        return (Board(maker), exclusions, servicesOut)
    }

    /// Puts a node on the board, or says why it cannot be there.
    private mutating func add(_ node: Int) -> Exclusion? {
        let facts = index.nodes[node]
        guard facts.isOpen else { return .status(index.network.nodes[node].status) }
        let ability: NodeAbilities = question.isPickUp ? .pickUp : .ship
        guard facts.abilities.contains(ability) else { return .ability(ability) }
        if let ban = bans.first(where: { $0.forbids[node] }) { return .rule(ban.rule) }
        if !question.isPickUp, let countries = index.countriesServed[node] {
            guard countries.contains(question.destination.country) else {
                return .countryNotServed
            }
        }
        if let exclusion = findUnits(node, facts) { return exclusion }
        return addOffers(node, facts)
    }

    /// What the node could give, in `given`; or why that is nothing.
    private mutating func findUnits(
        _ node: Int,
        _ facts: RoutingIndex.NodeFacts,
    ) -> Exclusion? {
        let nodes = index.nodes.count
        let keeps = relaxed.contains(.rules) ? 0 : max(0, rules.keeps[node])
        let mayHazardous = facts.abilities.contains(.hazardous)
        let looksAtRejections = !question.excluded.isEmpty && !relaxed.contains(.rules)
        var (any, hazardousOnly, rejectedOnly) = (false, false, false)
        for line in given.indices {
            let free = view.units[line * nodes + node] - keeps
            var usable = max(0, min(free, quantities[line]))
            if linesWhole, usable < quantities[line] { usable = 0 }
            if usable > 0, hazardous[line], !mayHazardous {
                (usable, hazardousOnly) = (0, true)
            }
            if usable > 0, looksAtRejections {
                let key = PositionKey(
                    sku: question.lines[line].sku,
                    node: index.network.nodes[node].name,
                )
                if question.excluded.contains(key) { (usable, rejectedOnly) = (0, true) }
            }
            given[line] = usable
            if usable > 0 { any = true }
        }
        if any { return nil }
        if rejectedOnly { return .rejected }
        return hazardousOnly ? .ability(.hazardous) : .noStock
    }

    private mutating func addOffers(
        _ node: Int,
        _ facts: RoutingIndex.NodeFacts,
    ) -> Exclusion? {
        let candidate = Candidate(
            node: node,
            distanceKm: destination.map { facts.place.kilometres(to: $0) } ?? 0,
            offers: offers.count..<offers.count,
        )
        var exclusion = Exclusion.noRate
        for lane in facts.lanes {
            let service = index.lanes[lane].service
            guard index.services[service].isPickUp == question.isPickUp else { continue }
            guard let reason = addOffers(of: lane, at: candidate) else { continue }
            if !onlyUseful {
                servicesOut.append(ServiceExclusion(service: service, exclusion: reason))
            }
            if reason.isNearer(than: exclusion) { exclusion = reason }
        }
        let offers = candidate.offers.lowerBound..<offers.count
        guard !offers.isEmpty else { return exclusion }
        finish(candidate, offers)
        return nil
    }

    /// Adds what a service of a node offers; the reason when that is nothing.
    private mutating func addOffers(of lane: Int, at candidate: Candidate) -> Exclusion? {
        let facts = index.nodes[candidate.node]
        let lane = index.lanes[lane]
        let (service, origin, starts) = (lane.service, lane.origin, lane.starts)
        let kind = index.services[service]
        guard let rate = rates.rate(service: service, origin: origin, letters: letters) else {
            return .noRate
        }
        guard !anyHazardous || kind.carriesHazardous || givesHarmless else {
            return .ability(.hazardous)
        }
        var exclusion = Exclusion.tooLate
        let first = offers.count
        let wanted = given.reduce(0, +)
        for order in 0..<facts.slots.count {
            guard view.now.microseconds <= index.latestStarts[starts + order] else { continue }
            let slot = index.slots[facts.slots.lowerBound + order]
            guard let arrives = kind.days.arrival(leaving: slot.day, transitDays: rate.transitDays)
            else { return .noRate }
            guard Int64(arrives) <= latest else { break }
            var room = view.slots[candidate.node][slot.place]
            if relaxed.contains(.capacity) { room = SlotRoom(orders: nil, units: nil) }
            guard room.orders ?? 1 > 0, room.units ?? 1 > 0 else {
                exclusion = .capacityFull
                continue
            }
            var load: Int64 = 0
            if let free = room.orders, slot.ordersCapacity > 0 {
                load = max(0, slot.ordersCapacity - free) * 1_000 / slot.ordersCapacity
            }
            let offer = Offer(
                service: service,
                slot: slot.place,
                slotOrder: order,
                arrives: arrives,
                days: Int64(arrives) - Int64(today),
                room: room.units ?? .max,
                carriesHazardous: kind.carriesHazardous,
                fixed: 0,
                rate: rate,
                loadPermille: load,
            )
            guard price(offer, candidate) else { return .noRate }
            // A later slot of the same service is of use only if this one is short of room or loaded.
            if onlyUseful, offer.room >= wanted, load == 0 || goals.balance == 0 { break }
        }
        return offers.count > first ? nil : exclusion
    }

    private var givesHarmless: Bool {
        given.indices.contains { given[$0] > 0 && !hazardous[$0] }
    }

    /// Adds the offer with what it costs; false when that is too much to be counted.
    private mutating func price(_ offer: Offer, _ candidate: Candidate) -> Bool {
        let facts = index.nodes[candidate.node]
        var sum = CheckedSum()
        let cost = sum.add(facts.shipmentCost, offer.rate.base)
        var score = sum.product(goals.cost, cost)
        score = sum.add(score, goals.shipments)
        score = sum.add(score, sum.product(goals.distance, candidate.distanceKm))
        score = sum.add(score, sum.product(goals.balance, offer.loadPermille))
        score = sum.add(score, sum.product(goals.priority, facts.priority))
        var (worstCost, worstScore) = (cost, score)
        let firstUnit = unitRanks.count
        for line in given.indices {
            let weight = sum.product(offer.rate.kilogram, grams[line])
            let unit = sum.add(facts.unitCost, sum.add(offer.rate.unit, weight.thousandths))
            let points = sum.product(goals.cost, unit)
            unitRanks.append(Ranks.unit(score: points, cost: unit))
            worstCost = sum.add(worstCost, sum.product(unit, given[line]))
            let worst = sum.add(points, goals.scarcity)
            worstScore = sum.add(worstScore, sum.product(worst, given[line]))
        }
        let promise = sum.product(goals.promise, max(0, offer.days))
        guard !sum.overflows, worstCost <= Ranks.offerCostMax, worstScore <= Ranks.offerScoreMax,
            promise <= Ranks.offerScoreMax, offer.days + 2 <= Ranks.daysMax, offer.days >= -1
        else {
            unitRanks.removeSubrange(firstUnit...)
            return false
        }
        var priced = offer
        priced.fixed = Ranks.shipment(score: score, cost: cost)
        offers.append(priced)
        return true
    }

    private mutating func finish(_ candidate: Candidate, _ offers: Range<Int>) {
        let nodes = index.nodes.count
        for line in given.indices {
            units.append(given[line])
            let before = view.units[line * nodes + candidate.node] - goals.scarceBelow
            calm.append(max(0, min(before, given[line])))
        }
        var candidate = candidate
        candidate.offers = offers
        candidates.append(candidate)
    }
}

/// Sums and products of what is not below zero, which remember whether one was too large.
private struct CheckedSum {
    var overflows = false

    mutating func add(_ left: Int64, _ right: Int64) -> Int64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        if overflow { overflows = true }
        return overflow ? 0 : sum
    }

    mutating func product(_ left: Int64, _ right: Int64) -> Int64 {
        let (product, overflow) = left.multipliedReportingOverflow(by: right)
        if overflow { overflows = true }
        return overflow ? 0 : product
    }
}

extension Int64 {
    /// A thousandth of it, rounded up.
    fileprivate var thousandths: Int64 { self / 1_000 + (self % 1_000 > 0 ? 1 : 0) }

    fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}

extension Exclusion {
    /// Whether it stands nearer to success than another reason of the same node.
    fileprivate func isNearer(than other: Exclusion) -> Bool { distance < other.distance }

    private var distance: Int {
        switch self {
        case .capacityFull: 0
        case .tooLate: 1
        case .ability: 2
        default: 3
        }
    }
}
