// The lines of a command: `SKU@NODE=QTY`, with `:PRICE` where an order is placed. A SKU may hold any
// character, so text is split from its right end.

internal import ArgumentParser
internal import Foundation
internal import SwiftProtobuf

/// A SKU at a node, written `SKU@NODE`.
struct PositionArgument: ExpressibleByArgument, Equatable {
    var sku: String
    var node: String

    init(sku: String, node: String) {
        self.sku = sku
        self.node = node
    }

    init?(argument: String) {
        guard let at = argument.lastIndex(of: "@") else { return nil }
        let sku = argument[..<at]
        let node = argument[argument.index(after: at)...]
        guard !sku.isEmpty, !node.isEmpty else { return nil }
        self.init(sku: String(sku), node: String(node))
    }
}

/// A SKU at a node or at all of them, written `SKU[@NODE]`.
struct ItemArgument: ExpressibleByArgument, Equatable {
    var sku: String
    /// Empty: all nodes.
    var node: String

    init?(argument: String) {
        if let position = PositionArgument(argument: argument) {
            sku = position.sku
            node = position.node
        } else {
            guard !argument.isEmpty, !argument.contains("@") else { return nil }
            sku = argument
            node = ""
        }
    }
}

/// A SKU at a node with a quantity and, where it applies, a price; written `SKU@NODE=QTY[:PRICE]`.
struct LineArgument: ExpressibleByArgument, Equatable {
    var position: PositionArgument
    /// Units; a correction may be below zero.
    var quantity: Int64
    /// The price as written: what it means depends on the currency.
    var price: String?

    init(position: PositionArgument, quantity: Int64, price: String? = nil) {
        self.position = position
        self.quantity = quantity
        self.price = price
    }

    init?(argument: String) {
        guard let equals = argument.lastIndex(of: "=") else { return nil }
        let right = argument[argument.index(after: equals)...]
        let parts = right.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let quantity = Int64(parts[0]),
            let position = PositionArgument(argument: String(argument[..<equals]))
        else { return nil }
        self.init(
            position: position,
            quantity: quantity,
            price: parts.count == 2 ? String(parts[1]) : nil,
        )
    }

    var sku: String { position.sku }
    var node: String { position.node }
}

extension [LineArgument] {
    /// Refuses lines with a price, where a price has no meaning.
    func withoutPrices() throws -> [LineArgument] {
        for line in self {
            guard let price = line.price else { continue }
            throw ValidationError(
                "\(line.sku)@\(line.node)=\(line.quantity):\(price): no price is expected here"
            )
        }
        return self
    }
}

/// A SKU with a quantity, written `SKU=QTY`.
struct SKUQuantityArgument: ExpressibleByArgument, Equatable {
    var sku: String
    var quantity: Int64

    init?(argument: String) {
        guard let equals = argument.lastIndex(of: "="),
            let quantity = Int64(argument[argument.index(after: equals)...]),
            equals > argument.startIndex
        else { return nil }
        sku = String(argument[..<equals])
        self.quantity = quantity
    }
}

/// Units of a line of an order, written `NUMBER=QTY`.
struct OrderLineArgument: ExpressibleByArgument, Equatable {
    var number: Int32
    var quantity: Int64

    init?(argument: String) {
        let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int32(parts[0]), let quantity = Int64(parts[1]) else {
            return nil
        }
        self.number = number
        self.quantity = quantity
    }
}

/// A length of time, written `90s`, `15m`, `2h` or `1h30m`.
struct DurationArgument: ExpressibleByArgument, Equatable {
    var milliseconds: Int64

    init?(argument: String) {
        guard let milliseconds = parseDuration(argument) else { return nil }
        self.milliseconds = milliseconds
    }
}

/// A moment, written `2026-11-23` or `2026-11-23T07:49:46Z`.
struct MomentArgument: ExpressibleByArgument, Equatable {
    var seconds: Int64

    init?(argument: String) {
        guard let moment = parseMoment(argument) else { return nil }
        seconds = moment.seconds
    }
}

/// A moment to the microsecond, written `2026-11-23T07:49:46.123456Z`, or like `MomentArgument`.
struct ExactMomentArgument: ExpressibleByArgument, Equatable {
    var moment: Google_Protobuf_Timestamp

    init?(argument: String) {
        guard let moment = parseExactMoment(argument) else { return nil }
        self.moment = moment
    }
}

/// A server's address, written `HOST:PORT` (`[::1]:50051` for IPv6).
struct AddressArgument: ExpressibleByArgument, Equatable {
    var host: String
    var port: Int

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"),
            let port = Int(argument[argument.index(after: colon)...]), (1...65_535).contains(port)
        else { return nil }
        var host = argument[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        if host.isEmpty { return nil }
        self.host = String(host)
        self.port = port
    }
}
