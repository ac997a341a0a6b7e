// What the answers of the server add up to. It folds answers in any order and never asks.

internal import Messages

/// A running count of every position, from answers alone.
struct Tally {
    private(set) var stock: Stock = [:]
    /// Answers that say something else than what was asked for.
    private(set) var oddities: [String] = []
    private var orders: [String: [Holdfast_V1_OrderLine]] = [:]
    private var held: [String: [PositionName: Int64]] = [:]

    /// Units that were received, or came or went by adjustment.
    mutating func onHandChanged(_ position: PositionName, by units: Int64) {
        stock[position, default: Figures()].onHand += units
    }

    /// A reservation was made; as the answer to a repeated call it may be an old one.
    mutating func reserved(_ reservation: Holdfast_V1_Reservation) {
        var lines: [PositionName: Int64] = [:]
        for line in reservation.lines {
            let position = PositionName(sku: line.sku, node: line.node)
            lines[position, default: 0] += line.held
            stock[position, default: Figures()].reserved += line.held
        }
        held[reservation.id] = lines
    }

    /// What a reservation held is free, or belongs to an order.
    mutating func reservationEnded(_ id: String) {
        for (position, units) in held.removeValue(forKey: id) ?? [:] {
            stock[position, default: Figures()].reserved -= units
        }
    }

    /// An order as an answer shows it; what changed since the last answer is counted.
    mutating func heard(_ order: Holdfast_V1_Order) {
        let before = orders[order.id] ?? []
        for (index, line) in order.lines.enumerated() {
            let old = index < before.count ? before[index] : Holdfast_V1_OrderLine()
            var figures = stock[PositionName(sku: line.sku, node: line.node)] ?? Figures()
            figures.allocated += line.allocated - old.allocated
            figures.shipped += line.shipped - old.shipped
            figures.cancelled += line.cancelled - old.cancelled
            figures.onHand -= line.shipped - old.shipped
            stock[PositionName(sku: line.sku, node: line.node)] = figures
            if line.ordered != line.allocated + line.shipped + line.cancelled {
                odd("order \(order.externalID) line \(line.number) does not add up")
            }
        }
        orders[order.id] = order.lines
    }

    /// Notes an answer that does not fit its question.
    mutating func odd(_ text: String) {
        oddities.append(text)
    }
}
