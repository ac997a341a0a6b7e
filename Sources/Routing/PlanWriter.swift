// Plans and offers as the caller reads them, with all their amounts.

internal import Domain

enum PlanWriter {
    static func plan(_ found: Found, _ board: Board, _ index: RoutingIndex) -> RoutePlan {
        let lines = board.lineCount
        var sum = RouteAmounts()
        let shipments = found.choices.enumerated()
            .map { place, choice in
                let candidate = board.candidates[choice.candidate]
                let offer = board.offers[choice.offer]
                var amounts = amounts(of: candidate, offer, board, index)
                var taken: [(line: Int, quantity: Int64)] = []
                for line in 0..<lines where found.taken[place * lines + line] > 0 {
                    let quantity = found.taken[place * lines + line]
                    taken.append((line, quantity))
                    let unit = unitAmounts(choice.offer, line, candidate, board, index)
                    amounts.handlingMinor += unit.handlingMinor * quantity
                    amounts.carriageMinor += unit.carriageMinor * quantity
                    amounts.scarceUnits += max(
                        0,
                        quantity - board.calm[choice.candidate * lines + line]
                    )
                }
                sum.add(amounts)
                return PlannedShipment(
                    node: candidate.node,
                    service: offer.service,
                    slot: offer.slot,
                    lines: taken,
                    arrives: offer.arrives,
                    amounts: amounts,
                )
            }
        return RoutePlan(shipments: shipments, amounts: sum, score: sum.score(board.goals))
    }

    /// What an offer adds whatever is in the shipment.
    private static func amounts(
        of candidate: Candidate,
        _ offer: Offer,
        _ board: Board,
        _ index: RoutingIndex,
    ) -> RouteAmounts {
        var amounts = RouteAmounts()
        amounts.handlingMinor = index.nodes[candidate.node].shipmentCost
        amounts.carriageMinor = offer.rate.base
        amounts.distanceKm = candidate.distanceKm
        amounts.shipments = 1
        amounts.promiseDays = max(0, offer.days)
        amounts.loadPermille = offer.loadPermille
        amounts.priority = index.nodes[candidate.node].priority
        return amounts
    }

    private static func unitAmounts(
        _ offer: Int,
        _ line: Int,
        _ candidate: Candidate,
        _ board: Board,
        _ index: RoutingIndex,
    ) -> RouteAmounts {
        var amounts = RouteAmounts()
        amounts.handlingMinor = index.nodes[candidate.node].unitCost
        let cost = Ranks.cost(board.unitRanks[offer * board.lineCount + line])
        amounts.carriageMinor = cost - amounts.handlingMinor
        return amounts
    }

    /// Writes what a candidate could give and all its offers.
    static func describe(
        _ place: Int,
        _ board: Board,
        _ index: RoutingIndex,
        into explanation: inout NodeExplanation,
    ) {
        let lines = board.lineCount
        let candidate = board.candidates[place]
        for line in 0..<lines {
            explanation.units[line] = board.units[place * lines + line]
            explanation.unitsBeforeScarce[line] = board.calm[place * lines + line]
        }
        explanation.offers = candidate.offers.map { number in
            let offer = board.offers[number]
            return RouteOffer(
                service: offer.service,
                slot: offer.slot,
                arrives: offer.arrives,
                unitsRoom: offer.room == .max ? nil : offer.room,
                perShipment: amounts(of: candidate, offer, board, index),
                perUnit: (0..<lines).map { unitAmounts(number, $0, candidate, board, index) },
                carries: (0..<lines).map { !board.hazardous[$0] || offer.carriesHazardous },
            )
        }
    }
}

extension RouteAmounts {
    /// Adds a shipment's amounts to those of its plan.
    fileprivate mutating func add(_ other: RouteAmounts) {
        handlingMinor += other.handlingMinor
        carriageMinor += other.carriageMinor
        distanceKm += other.distanceKm
        shipments += other.shipments
        promiseDays = max(promiseDays, other.promiseDays)
        loadPermille += other.loadPermille
        priority += other.priority
        scarceUnits += other.scarceUnits
    }
}
