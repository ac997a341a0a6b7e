// Whether the books agree with what the server acknowledged. Pure: figures in, faults out.

/// What Postgres and Redis say after a run, beside what the generator knows.
package struct BenchBooks: Hashable, Sendable {
    // What the generator knows.
    package var acknowledged = 0
    package var acknowledgedUnits = 0
    package var confirmed = 0
    package var released = 0
    package var placed = 0
    package var cancelled = 0
    package var unknownUnits = 0
    package var unknownChanges = 0
    package var received = 0

    // The acknowledged reservations, as Postgres has them.
    package var found = 0
    package var foundUnits = 0
    package var heldUnits = 0
    package var confirmedUnits = 0
    package var orderedUnits = 0
    package var cancelledUnits = 0
    package var releasedUnits = 0
    package var expiredUnits = 0

    // The positions of the run, as Postgres has them.
    package var positions = 0
    package var onHand = 0
    package var held = 0
    package var allocated = 0
    package var oversold = 0
    package var unlikeLedger = 0

    // The view in Redis.
    package var viewed = 0
    package var drifting = 0
    package var restless = 0
    package var pending = 0

    package init() {}

    /// Every way in which the books are wrong; empty: they are right.
    package var faults: [String] {
        acknowledgementFaults + balanceFaults + viewFaults
    }

    private var acknowledgementFaults: [String] {
        var faults: [String] = []
        if found != acknowledged {
            faults.append(
                "\(acknowledged - found) of \(acknowledged) acknowledged reservations are not in"
                    + " Postgres"
            )
        }
        if foundUnits != acknowledgedUnits {
            faults.append(
                "\(acknowledgedUnits) units were acknowledged, Postgres has \(foundUnits)"
            )
        }
        let placedOfAll = heldUnits + confirmedUnits + orderedUnits + cancelledUnits
        let whole = placedOfAll + releasedUnits + expiredUnits
        if whole != foundUnits {
            faults.append("of \(foundUnits) accepted units only \(whole) are accounted for")
        }
        // One unit each: `mixed` is the only scenario that changes what it has reserved.
        let changes: [(String, Int, Int)] = [
            ("confirmed", confirmed, confirmedUnits), ("released", released, releasedUnits),
            ("ordered", placed - cancelled, orderedUnits), ("cancelled", cancelled, cancelledUnits),
        ]
        for (name, told, there) in changes where abs(told - there) > unknownChanges {
            faults.append("\(told) units were \(name) by the answers, \(there) by Postgres")
        }
        if expiredUnits > 0 { faults.append("\(expiredUnits) units expired during the run") }
        return faults
    }

    private var balanceFaults: [String] {
        var faults: [String] = []
        // Reservations whose answer was lost may be there besides those that were acknowledged.
        let owed = heldUnits + confirmedUnits + orderedUnits
        if !(owed...(owed + unknownUnits)).contains(held + allocated) {
            let besides = unknownUnits == 0 ? "" : " (and up to \(unknownUnits) of unknown outcome)"
            faults.append(
                "the positions promise \(held + allocated) units, the acknowledged reservations"
                    + " \(owed)\(besides)"
            )
        }
        if onHand != received {
            faults.append("\(received) units were received, \(onHand) are there")
        }
        if oversold > 0 { faults.append("\(oversold) positions promise more than they have") }
        if unlikeLedger > 0 {
            faults.append("\(unlikeLedger) positions differ from the sum of their ledger")
        }
        if positions == 0 { faults.append("the run has no positions: nothing was judged") }
        return faults
    }

    private var viewFaults: [String] {
        var faults: [String] = []
        if drifting > 0 { faults.append("drift at \(drifting) of \(viewed) viewed positions") }
        if restless > 0 { faults.append("the view of \(restless) positions does not come to rest") }
        if pending > 0 { faults.append("\(pending) pending entries stay in Redis") }
        if viewed == 0 { faults.append("no position is viewed in Redis: drift was not judged") }
        return faults
    }
}
