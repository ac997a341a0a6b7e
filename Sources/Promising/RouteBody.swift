// The bytes of a stored decision, part by part; both directions stand side by side.

internal import Base
internal import Domain

/// Puts the parts of a body one behind the other.
struct BodyWriter {
    private(set) var bytes: [UInt8] = []

    mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func count(_ value: Int) { number(UInt64(value)) }

    mutating func signed(_ value: Int64) {
        number(UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    mutating func text(_ text: String) {
        count(text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }

    /// Values of which most are 0: a run of them is a 0 and its length.
    mutating func sparse(_ values: some Sequence<Int64>) {
        var zeros = 0
        func end(_ writer: inout BodyWriter) {
            if zeros > 0 {
                writer.number(0)
                writer.count(zeros)
            }
            zeros = 0
        }
        for value in values {
            if value == 0 {
                zeros += 1
            } else {
                end(&self)
                signed(value)
            }
        }
        end(&self)
    }

    mutating func question(_ question: RouteQuestion) {
        count(question.lines.count)
        for line in question.lines {
            text(line.sku)
            signed(line.quantity)
            number(line.isHazardous ? 1 : 0)
            signed(line.weightGrams)
        }
        text(question.destination.country)
        text(question.destination.postalCode)
        number(question.destination.point == nil ? 0 : 1)
        if let point = question.destination.point {
            signed(Int64(point.latitudeE6))
            signed(Int64(point.longitudeE6))
        }
        number(question.arriveBy == nil ? 0 : 1)
        if let day = question.arriveBy { signed(Int64(day)) }
        number(question.isPickUp ? 1 : 0)
        count(question.excluded.count)
        for key in question.excluded.sorted() {
            text(key.sku)
            text(key.node)
        }
    }

    mutating func plan(_ plan: RoutePlan) {
        count(plan.shipments.count)
        for shipment in plan.shipments {
            count(shipment.node)
            count(shipment.service)
            count(shipment.slot)
            signed(Int64(shipment.arrives))
            count(shipment.lines.count)
            for (line, quantity) in shipment.lines {
                count(line)
                signed(quantity)
            }
            amounts(shipment.amounts)
        }
        amounts(plan.amounts)
        signed(plan.score)
    }

    private mutating func amounts(_ amounts: RouteAmounts) {
        signed(amounts.handlingMinor)
        signed(amounts.carriageMinor)
        signed(amounts.distanceKm)
        signed(amounts.shipments)
        signed(amounts.promiseDays)
        signed(amounts.loadPermille)
        signed(amounts.priority)
        signed(amounts.scarceUnits)
    }

    /// What was free; of the slots what is taken, and only at nodes that have something to send.
    mutating func view(_ view: RouteView, _ question: RouteQuestion, _ network: Network) {
        signed(view.now.microseconds)
        sparse(view.units)
        var taken: [Int64] = []
        for (node, facts) in network.nodes.enumerated()
        where view.hasUnits(node, lines: question.lines.count, nodes: network.nodes.count) {
            for (slot, room) in zip(facts.slots, view.slots[node]) {
                if let orders = slot.orders { taken.append(orders.capacity - (room.orders ?? 0)) }
                if let units = slot.units { taken.append(units.capacity - (room.units ?? 0)) }
            }
        }
        sparse(taken)
    }
}

/// Takes the parts of a body one after the other; nil where it is none.
struct BodyReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func number() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while let byte = rest.popFirst(), shift < 64 {
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    /// A number of things of which each takes a byte at least.
    mutating func count() -> Int? {
        guard let value = number(), value <= UInt64(rest.count) else { return nil }
        return Int(value)
    }

    mutating func signed() -> Int64? {
        number().map { Int64(bitPattern: $0 >> 1) ^ -Int64(bitPattern: $0 & 1) }
    }

    mutating func text() -> String? {
        guard let length = count() else { return nil }
        defer { rest = rest.dropFirst(length) }
        return String(validating: rest.prefix(length), as: UTF8.self)
    }

    mutating func sparse(count: Int) -> [Int64]? {
        var values: [Int64] = []
        values.reserveCapacity(count)
        while values.count < count {
            guard let token = number() else { return nil }
            if token == 0 {
                guard let zeros = number(), zeros > 0, zeros <= UInt64(count - values.count) else {
                    return nil
                }
                values.append(contentsOf: repeatElement(0, count: Int(zeros)))
            } else {
                values.append(Int64(bitPattern: token >> 1) ^ -Int64(bitPattern: token & 1))
            }
        }
        return values
    }

    mutating func question(_ channel: String) -> RouteQuestion? {
        guard let count = count() else { return nil }
        var lines: [CartLine] = []
        for _ in 0..<count {
            guard let sku = text(), let quantity = signed(), let hazard = number(),
                let weight = signed()
            else { return nil }
            lines.append(
                CartLine(
                    sku: sku,
                    quantity: quantity,
                    isHazardous: hazard == 1,
                    weightGrams: weight,
                )
            )
        }
        guard let destination = destination(), let hasDay = number() else { return nil }
        var question = RouteQuestion(lines: lines, destination: destination, channel: channel)
        if hasDay == 1 {
            guard let day = signed() else { return nil }
            question.arriveBy = Day(clamping: day)
        }
        guard let pickUp = number(), let excluded = self.count() else { return nil }
        question.isPickUp = pickUp == 1
        for _ in 0..<excluded {
            guard let sku = text(), let node = text() else { return nil }
            question.excluded.insert(PositionKey(sku: sku, node: node))
        }
        return question
    }

    private mutating func destination() -> Destination? {
        guard let country = text(), let postalCode = text(), let hasPoint = number() else {
            return nil
        }
        var destination = Destination(country: country, postalCode: postalCode)
        if hasPoint == 1 {
            guard let latitude = signed(), let longitude = signed() else { return nil }
            destination.point = GeoPoint(
                latitudeE6: Int32(clamping: latitude),
                longitudeE6: Int32(clamping: longitude),
            )
        }
        return destination
    }

    mutating func plan() -> RoutePlan? {
        guard let count = count() else { return nil }
        var shipments: [PlannedShipment] = []
        for _ in 0..<count {
            guard let node = number(), let service = number(), let slot = number(),
                let arrives = signed(), let lineCount = self.count()
            else { return nil }
            var lines: [(line: Int, quantity: Int64)] = []
            for _ in 0..<lineCount {
                guard let line = number(), let quantity = signed() else { return nil }
                lines.append((Int(clamping: line), quantity))
            }
            guard let amounts = amounts() else { return nil }
            shipments.append(
                PlannedShipment(
                    node: Int(clamping: node),
                    service: Int(clamping: service),
                    slot: Int(clamping: slot),
                    lines: lines,
                    arrives: Day(clamping: arrives),
                    amounts: amounts,
                )
            )
        }
        guard let amounts = amounts(), let score = signed() else { return nil }
        return RoutePlan(shipments: shipments, amounts: amounts, score: score)
    }

    private mutating func amounts() -> RouteAmounts? {
        var values: [Int64] = []
        for _ in 0..<8 {
            guard let value = signed() else { return nil }
            values.append(value)
        }
        var amounts = RouteAmounts()
        amounts.handlingMinor = values[0]
        amounts.carriageMinor = values[1]
        amounts.distanceKm = values[2]
        amounts.shipments = values[3]
        amounts.promiseDays = values[4]
        amounts.loadPermille = values[5]
        amounts.priority = values[6]
        amounts.scarceUnits = values[7]
        return amounts
    }

    mutating func view(_ question: RouteQuestion, _ network: Network) -> RouteView? {
        let nodes = network.nodes.count
        let lines = question.lines.count
        guard let now = signed(), let units = sparse(count: lines * nodes) else { return nil }
        var view = RouteView(
            now: Instant(microseconds: now),
            units: units,
            slots: network.nodes.map { $0.slots.map(SlotRoom.init(empty:)) },
        )
        let sending = (0..<nodes).filter { view.hasUnits($0, lines: lines, nodes: nodes) }
        let figures = sending.reduce(0) { sum, node in
            network.nodes[node].slots
                .reduce(sum) { $0 + ($1.orders == nil ? 0 : 1) + ($1.units == nil ? 0 : 1) }
        }
        guard var taken = sparse(count: figures)?[...] else { return nil }
        for node in sending {
            for slot in view.slots[node].indices {
                if let orders = view.slots[node][slot].orders {
                    view.slots[node][slot].orders = orders - (taken.popFirst() ?? 0)
                }
                if let units = view.slots[node][slot].units {
                    view.slots[node][slot].units = units - (taken.popFirst() ?? 0)
                }
            }
        }
        return view
    }
}

extension RouteView {
    /// Whether a node has units for any line.
    fileprivate func hasUnits(_ node: Int, lines: Int, nodes: Int) -> Bool {
        (0..<lines).contains { units[$0 * nodes + node] > 0 }
    }
}

extension SlotRoom {
    /// Of a slot of which nothing is taken.
    init(empty slot: Slot) {
        self.init(orders: slot.orders?.capacity, units: slot.units?.capacity)
    }
}
