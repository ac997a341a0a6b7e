// Plans, carts and decisions as messages, and carts back.

package import Base
package import Domain
package import Messages
package import Promising
package import Routing
internal import SwiftProtobuf

extension Holdfast_V1_RouteAmounts {
    package init(_ amounts: RouteAmounts) {
        self.init()
        costMinor = amounts.costMinor
        handlingMinor = amounts.handlingMinor
        carriageMinor = amounts.carriageMinor
        distanceKm = amounts.distanceKm
        shipments = amounts.shipments
        promiseDays = amounts.promiseDays
        loadPermille = amounts.loadPermille
        priority = amounts.priority
        scarceUnits = amounts.scarceUnits
    }
}

extension Holdfast_V1_RoutePlan {
    /// - Parameter goals: what the parts of the score are named by; nil: they are left out.
    package init(_ plan: RoutedPlan, goals: Goals?) {
        self.init()
        shipments = plan.shipments.map { Holdfast_V1_PlannedShipment($0) }
        amounts = Holdfast_V1_RouteAmounts(plan.amounts)
        score = plan.score
        arrives = Days.text(plan.arrives)
        if let goals {
            parts = Goal.allCases.map { goal in
                let amount = goal.amount(of: plan.amounts)
                return Holdfast_V1_ScorePart(goal, amount: amount, weight: goal.weight(in: goals))
            }
        }
    }
}

extension Holdfast_V1_ScorePart {
    package init(_ goal: Goal, amount: Int64, weight: Int64) {
        self.init()
        self.goal = goal.name
        self.amount = amount
        self.weight = weight
        points = amount * weight
    }
}

extension Goal {
    /// As documents and messages name it.
    package var name: String {
        switch self {
        case .cost: "cost"
        case .distance: "distance"
        case .shipments: "shipments"
        case .promise: "promise"
        case .balance: "balance"
        case .priority: "priority"
        case .scarcity: "scarcity"
        }
    }
}

extension Holdfast_V1_PlannedShipment {
    package init(_ shipment: RoutedShipment) {
        self.init()
        node = shipment.node
        service = shipment.service
        carrier = shipment.carrier
        slotDay = Days.text(shipment.slotDay)
        slotWindow = Int32(shipment.slotWindow)
        arrives = Days.text(shipment.arrives)
        amounts = Holdfast_V1_RouteAmounts(shipment.amounts)
        lines = shipment.lines.map { line in
            var message = Holdfast_V1_ShippedLine()
            message.line = Int32(line.line)
            message.sku = line.sku
            message.quantity = line.quantity
            return message
        }
    }
}

extension Holdfast_V1_RuleSetRef {
    package init(_ name: RuleSetName) {
        self.init()
        self.name = name.name
        version = name.version
    }
}

extension Holdfast_V1_RouteBasis {
    package init(
        isOptimal: Bool,
        bound: Int64,
        score: Int64?,
        network: Int64,
        rules: RuleSetName,
        currency: String,
        plannedAt: Instant,
    ) {
        self.init()
        self.isOptimal = isOptimal
        self.bound = bound
        gap = score.map { max(0, $0 - bound) } ?? 0
        networkVersion = network
        ruleSet = Holdfast_V1_RuleSetRef(rules)
        self.currency = currency
        self.plannedAt = Google_Protobuf_Timestamp(plannedAt)
    }
}

extension Holdfast_V1_RoutedReservation {
    package init(_ routed: RoutedReservation) {
        self.init()
        reservation = Holdfast_V1_Reservation(routed.reservation)
        // The parts of the score are told by ExplainRoute: a retry need not look for the rules.
        plan = Holdfast_V1_RoutePlan(routed.plan, goals: nil)
        basis = Holdfast_V1_RouteBasis(
            isOptimal: routed.isOptimal,
            bound: routed.bound,
            score: routed.plan.score,
            network: routed.network,
            rules: routed.rules,
            currency: routed.currency,
            plannedAt: routed.reservation.createdAt,
        )
    }
}

extension Holdfast_V1_CapacityLine {
    /// A line whose SKU is `@orders/2026-11-30/0` or `@units/2026-11-30/0`.
    package init(_ line: ReservationLine) {
        self.init()
        let parts = line.key.sku.split(separator: "/", omittingEmptySubsequences: false)
        node = line.key.node
        what = String(parts[0].dropFirst())
        slotDay = parts.count > 1 ? String(parts[1]) : ""
        slotWindow = parts.count > 2 ? Int32(parts[2]) ?? 0 : 0
        quantity = line.quantity
        held = line.held
        confirmed = line.confirmed
    }
}

// MARK: Questions

extension Holdfast_V1_CartLine {
    package init(_ line: CartLine) {
        self.init()
        sku = line.sku
        quantity = line.quantity
        isHazardous = line.isHazardous
        weightGrams = line.weightGrams
    }
}

extension Holdfast_V1_RouteDestination {
    package init(_ destination: Destination) {
        self.init()
        country = destination.country
        postalCode = destination.postalCode
        if let place = destination.point {
            point.latitudeE6 = place.latitudeE6
            point.longitudeE6 = place.longitudeE6
        }
    }
}

extension Holdfast_V1_RouteRequest {
    package init(_ question: RouteQuestion, rules: RuleSetName) {
        self.init()
        lines = question.lines.map { Holdfast_V1_CartLine($0) }
        destination = Holdfast_V1_RouteDestination(question.destination)
        channel = question.channel
        ruleSet = Holdfast_V1_RuleSetRef(rules)
        arriveBy = question.arriveBy.map(Days.text) ?? ""
        pickUp = question.isPickUp
    }
}

extension RouteQuestion {
    /// Reads a cart; what is wrong with it is noted, with `prefix` before the names of fields.
    package init(
        _ request: Holdfast_V1_RouteRequest,
        channel: String,
        prefix: String,
        _ validator: inout Validator,
    ) {
        var lines: [CartLine] = []
        let path = "\(prefix)lines"
        if request.lines.count > Limits.cartLinesMax {
            validator.fail(
                path,
                "has \(request.lines.count) entries, at most \(Limits.cartLinesMax) are allowed",
            )
        } else if validator.lineCount(request.lines.count, path) {
            var named: Set<String> = []
            for (index, line) in request.lines.enumerated() {
                validator.sku(line.sku, "\(path)[\(index)].sku")
                validator.quantity(line.quantity, "\(path)[\(index)].quantity")
                validator.quantity(
                    line.weightGrams,
                    "\(path)[\(index)].weight_grams",
                    in: 0...Limits.weightGramsMax,
                )
                if !named.insert(line.sku).inserted {
                    validator.fail("\(path)[\(index)].sku", "stands there twice")
                }
                lines.append(
                    CartLine(
                        sku: line.sku,
                        quantity: line.quantity,
                        isHazardous: line.isHazardous,
                        weightGrams: line.weightGrams,
                    )
                )
            }
        }
        self.init(
            lines: lines,
            destination: Destination(request.destination, "\(prefix)destination", &validator),
            channel: channel,
            isPickUp: request.pickUp,
        )
        if request.arriveBy.isEmpty { return }
        arriveBy = Days.day(request.arriveBy)
        if arriveBy == nil {
            validator.fail("\(prefix)arrive_by", "must be a day such as 2026-12-24")
        }
    }
}

extension Destination {
    fileprivate init(
        _ message: Holdfast_V1_RouteDestination,
        _ path: String,
        _ validator: inout Validator,
    ) {
        let letters = message.country.utf8
        if letters.count != 2 || !letters.allSatisfy({ (0x41...0x5A).contains($0) }) {
            validator.fail("\(path).country", "must be two capital letters, such as GB")
        }
        if !message.postalCode.isEmpty { validator.name(message.postalCode, "\(path).postal_code") }
        if message.postalCode.utf8.count > Limits.postalBytesMax {
            validator.fail(
                "\(path).postal_code",
                "has more than \(Limits.postalBytesMax) bytes",
            )
        }
        self.init(country: message.country, postalCode: message.postalCode)
        guard message.hasPoint else { return }
        let (latitude, longitude) = (message.point.latitudeE6, message.point.longitudeE6)
        if !(-90_000_000...90_000_000).contains(latitude) {
            validator.fail("\(path).point.latitude_e6", "must be within 90 degrees")
        }
        if !(-180_000_000...180_000_000).contains(longitude) {
            validator.fail("\(path).point.longitude_e6", "must be within 180 degrees")
        }
        point = GeoPoint(latitudeE6: latitude, longitudeE6: longitude)
    }
}
