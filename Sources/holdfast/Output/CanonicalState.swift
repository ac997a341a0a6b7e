// The state of a moment as bytes that are always the same: one JSON object a line, members in the
// order of their names, integers as integers, times in UTC with microseconds; positions by SKU and
// node, then reservations by id. The digest is the SHA-256 of these lines with their line feeds.

internal import Crypto
internal import Foundation
internal import Messages
internal import SwiftProtobuf

/// Collects the lines of a moment.
struct CanonicalState {
    private var hash = SHA256()
    private(set) var positions = 0
    private(set) var reservations = 0
    /// Reservations that still hold units.
    private(set) var open = 0

    /// Adds a position; returns its line, with the line feed.
    mutating func add(_ position: Holdfast_V1_Position) -> String {
        positions += 1
        let channels = position.channelSafety.map {
            "{\"channel\":\(quoted($0.channel)),\"quantity\":\($0.quantity)}"
        }
        return add(
            "{\"allocated\":\(position.allocated),\"available\":\(position.available),"
                + "\"channel_safety\":[\(channels.joined(separator: ","))],"
                + "\"damaged\":\(position.damaged),\"in_transit\":\(position.inTransit),"
                + "\"kind\":\"position\",\"node\":\(quoted(position.node)),"
                + "\"on_hand\":\(position.onHand),\"quality_control\":\(position.qualityControl),"
                + "\"reserved\":\(position.reserved),\"safety\":\(position.safety),"
                + "\"sku\":\(quoted(position.sku)),\"version\":\(position.version)}\n"
        )
    }

    /// Adds a reservation; returns its line, with the line feed.
    mutating func add(_ reservation: Holdfast_V1_Reservation) -> String {
        reservations += 1
        if reservation.state == .held || reservation.state == .partiallyConfirmed { open += 1 }
        let lines = reservation.lines.map {
            "{\"confirmed\":\($0.confirmed),\"held\":\($0.held),\"node\":\(quoted($0.node)),"
                + "\"quantity\":\($0.quantity),\"sku\":\(quoted($0.sku))}"
        }
        return add(
            "{\"channel\":\(quoted(reservation.channel)),"
                + "\"created_at\":\"\(exactMomentText(reservation.createdAt))\","
                + "\"expires_at\":\"\(exactMomentText(reservation.expiresAt))\","
                + "\"id\":\(quoted(reservation.id)),\"kind\":\"reservation\","
                + "\"lines\":[\(lines.joined(separator: ","))],"
                + "\"order_id\":\(quoted(reservation.orderID)),"
                + "\"owner\":\(quoted(reservation.owner)),"
                + "\"state\":\"\(caseName(reservation.state))\","
                + "\"transferred_to\":\(quoted(reservation.transferredTo))}\n"
        )
    }

    /// SHA-256 of all lines so far, in hexadecimal digits.
    var digest: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in hash.finalize() {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private mutating func add(_ line: String) -> String {
        hash.update(data: Data(line.utf8))
        return line
    }
}

/// A text as JSON: quotes, backslashes and control characters escaped, all else as it is.
private func quoted(_ text: String) -> String {
    var result = "\""
    for character in text.unicodeScalars {
        switch character {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\u{0}"..<"\u{20}":
            let code = String(character.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - code.count) + code
        default: result.unicodeScalars.append(character)
        }
    }
    return result + "\""
}
