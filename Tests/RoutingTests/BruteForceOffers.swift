// What nodes may do and offer, by the words of the types' documentation and nothing else.

import Base
import Domain
import Foundation

extension BruteForce {
    func isAllowed(_ node: Int) -> Bool {
        let facts = problem.network.nodes[node]
        let question = problem.question
        let country = question.destination.country
        guard facts.status == .open else { return false }
        guard facts.abilities.contains(question.isPickUp ? .pickUp : .ship) else { return false }
        if !question.isPickUp, !facts.countriesServed.isEmpty,
            !facts.countriesServed.contains(country)
        {
            return false
        }
        for rule in problem.rules.rules {
            switch rule {
            case .notFrom(let filter, let destinations):
                if destinations.isEmpty || destinations.contains(country), filter.matches(facts) {
                    return false
                }
            case .onlyFrom(let filter, let destinations):
                if destinations.isEmpty || destinations.contains(country), !filter.matches(facts) {
                    return false
                }
            default: continue
            }
        }
        return true
    }

    func allUnits(of node: Int) -> [Int64] {
        let facts = problem.network.nodes[node]
        var kept: Int64 = 0
        for rule in problem.rules.rules {
            if case .keepsLast(let units, let filter) = rule, filter.matches(facts) {
                kept = max(kept, units)
            }
        }
        return problem.question.lines.enumerated()
            .map { number, line in
                let key = PositionKey(sku: line.sku, node: facts.name)
                if problem.question.excluded.contains(key) { return 0 }
                if line.isHazardous, !facts.abilities.contains(.hazardous) { return 0 }
                let free = problem.view.units[number * problem.network.nodes.count + node]
                return max(0, free - kept)
            }
    }

    func allOffers(of node: Int) -> [Offer] {
        let facts = problem.network.nodes[node]
        var last = problem.question.arriveBy.map { Int($0) } ?? .max
        for rule in problem.rules.rules {
            if case .arrivesWithin(let days) = rule { last = min(last, today + Int(days)) }
        }
        var found: [Offer] = []
        for lane in facts.lanes {
            let service = problem.network.services[lane.service]
            guard service.isPickUp == problem.question.isPickUp else { continue }
            guard let rate = rate(of: service, from: facts.country) else { continue }
            for (number, slot) in facts.slots.enumerated() {
                let begins = max(problem.view.now, slot.opensAt)
                let ready = begins.advanced(milliseconds: Int64(facts.handlingMinutes) * 60_000)
                guard ready <= slot.closesAt, ready <= lane.cutoffs[number] else { continue }
                let room = problem.view.slots[node][number]
                guard room.orders ?? 1 >= 1, room.units ?? 1 >= 1 else { continue }
                let arrives = arrival(Int(slot.day), Int(rate.transitDays), service)
                guard arrives <= last else { continue }
                found.append(
                    offer(node, lane.service, number, arrives, room, rate)
                )
            }
        }
        return found
    }

    private func offer(
        _ node: Int,
        _ service: Int,
        _ slot: Int,
        _ arrives: Int,
        _ room: SlotRoom,
        _ rate: Rate,
    ) -> Offer {
        let facts = problem.network.nodes[node]
        var amounts = RouteAmounts()
        amounts.handlingMinor = facts.shipmentCostMinor
        amounts.carriageMinor = rate.baseMinor
        amounts.distanceKm = distance(from: facts.place)
        amounts.shipments = 1
        amounts.promiseDays = Int64(max(0, arrives - today))
        amounts.priority = Int64(facts.priority)
        if let capacity = facts.slots[slot].orders?.capacity, let free = room.orders {
            amounts.loadPermille = (capacity - free) * 1_000 / capacity
        }
        let carries = problem.network.services[service].carriesHazardous
        return Offer(
            service: service,
            slot: slot,
            arrives: arrives,
            room: room.units ?? .max,
            amounts: amounts,
            unitCarriage: problem.question.lines.map { line in
                let weight = Double(rate.kilogramMinor * line.weightGrams) / 1_000
                return rate.unitMinor + Int64(weight.rounded(.up))
            },
            carries: problem.question.lines.map { carries || !$0.isHazardous },
        )
    }

    private func letters(_ text: String) -> String {
        text.uppercased().filter { $0 != " " && $0 != "-" }
    }

    private func rate(of service: CarrierService, from origin: String) -> Rate? {
        let destination = problem.question.destination
        var best: (key: [Int], rate: Rate)?
        for rate in service.rates {
            guard rate.origin ?? origin == origin,
                rate.destination ?? destination.country == destination.country,
                letters(destination.postalCode).hasPrefix(letters(rate.postalPrefix))
            else { continue }
            let key = [
                letters(rate.postalPrefix).count, rate.destination == nil ? 0 : 1,
                rate.origin == nil ? 0 : 1,
            ]
            if let best, !best.key.lexicographicallyPrecedes(key) { continue }
            best = (key, rate)
        }
        return best?.rate
    }

    /// Day by day.
    private func arrival(_ leaves: Int, _ transitDays: Int, _ service: CarrierService) -> Int {
        // 2026-11-30 is a Monday, and day 20,787.
        func delivers(_ day: Int) -> Bool {
            let weekday = ((day - 20_787) % 7 + 7) % 7
            return service.deliveryWeekdays & (1 << UInt8(weekday)) != 0
        }
        var day = leaves
        if transitDays == 0 {
            while !delivers(day) { day += 1 }
            return day
        }
        var left = transitDays
        while left > 0 {
            day += 1
            if delivers(day) { left -= 1 }
        }
        return day
    }

    private func distance(from place: GeoPoint) -> Int64 {
        let destination = problem.question.destination
        var point = destination.point
        if point == nil {
            point =
                problem.network.places
                .filter {
                    $0.country == destination.country
                        && letters(destination.postalCode).hasPrefix(letters($0.postalPrefix))
                }
                .max { $0.postalPrefix.count < $1.postalPrefix.count }?
                .point
        }
        guard let point else { return 0 }
        let (a, b) = (radians(place.latitudeE6), radians(point.latitudeE6))
        let across = radians(point.longitudeE6) - radians(place.longitudeE6)
        let h =
            pow(sin((b - a) / 2), 2) + cos(a) * cos(b) * pow(sin(across / 2), 2)
        return Int64((2 * 6371.0088 * asin(min(1, h.squareRoot()))).rounded())
    }

    private func radians(_ degreesE6: Int32) -> Double { Double(degreesE6) / 1e6 * .pi / 180 }
}
