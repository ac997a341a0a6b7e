// A cart on the command line: `SKU=QTY` and where it goes.

internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Messages

/// A destination, written `GB`, `GB:SW1A 1AA` or `GB:SW1A@51.5,-0.14`.
struct DestinationArgument: ExpressibleByArgument, Equatable {
    var destination: Holdfast_V1_RouteDestination

    init?(argument: String) {
        var destination = Holdfast_V1_RouteDestination()
        var rest = argument[...]
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[rest.index(after: at)...].split(separator: ",")
            guard parts.count == 2, let latitude = Self.millionths(parts[0], 90),
                let longitude = Self.millionths(parts[1], 180)
            else { return nil }
            destination.point.latitudeE6 = latitude
            destination.point.longitudeE6 = longitude
            rest = rest[..<at]
        }
        let parts = rest.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0].utf8.count == 2 else { return nil }
        destination.country = parts[0].uppercased()
        destination.postalCode = parts.count == 2 ? String(parts[1]) : ""
        self.destination = destination
    }

    private static func millionths(_ text: Substring, _ max: Double) -> Int32? {
        guard let degrees = Double(text), abs(degrees) <= max else { return nil }
        return Int32((degrees * 1_000_000).rounded())
    }
}

/// A rule set, written `NAME` or `NAME@VERSION`.
struct RuleSetArgument: ExpressibleByArgument, Equatable {
    var ruleSet: Holdfast_V1_RuleSetRef

    init?(argument: String) {
        var ruleSet = Holdfast_V1_RuleSetRef()
        let parts = argument.split(separator: "@", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), !parts[0].isEmpty else { return nil }
        ruleSet.name = String(parts[0])
        if parts.count == 2 {
            guard let version = Int32(parts[1]), version > 0 else { return nil }
            ruleSet.version = version
        }
        self.ruleSet = ruleSet
    }
}

/// What is to be routed.
struct CartOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("Lines, 1 to 100.", valueName: "sku=qty"))
    var lines: [SKUQuantityArgument]
    @Option(
        help: ArgumentHelp(
            "Where it goes: GB, GB:SW1A or GB:SW1A@51.5,-0.14.",
            valueName: "country:postal-code",
        )
    )
    var to: DestinationArgument
    @Option(help: "Through which channel; its rules count.")
    var channel = ""
    @Option(help: ArgumentHelp("Rules in the place of the channel's.", valueName: "name[@version]"))
    var rules: RuleSetArgument?
    @Option(help: ArgumentHelp("The day by which all must be there.", valueName: "yyyy-mm-dd"))
    var arriveBy: String?
    @Flag(help: "The customer fetches it, at one node.")
    var pickUp = false
    @Option(help: ArgumentHelp("A SKU that is hazardous; may be repeated.", valueName: "sku"))
    var hazardous: [String] = []
    @Option(help: ArgumentHelp("What a unit weighs; may be repeated.", valueName: "sku=grams"))
    var weight: [SKUQuantityArgument] = []

    func validate() throws {
        if let arriveBy, Days.day(arriveBy) == nil {
            throw ValidationError(
                "--arrive-by is \"\(arriveBy)\", expected a day such as 2026-12-24"
            )
        }
        let skus = Set(lines.map(\.sku))
        for sku in hazardous + weight.map(\.sku) where !skus.contains(sku) {
            throw ValidationError("\(sku) is not in the cart")
        }
    }

    /// The cart as it is asked for.
    var request: Holdfast_V1_RouteRequest {
        var request = Holdfast_V1_RouteRequest()
        request.lines = lines.map { line in
            var wire = Holdfast_V1_CartLine()
            wire.sku = line.sku
            wire.quantity = line.quantity
            wire.isHazardous = hazardous.contains(line.sku)
            wire.weightGrams = weight.first { $0.sku == line.sku }?.quantity ?? 0
            return wire
        }
        request.destination = to.destination
        request.channel = channel
        if let rules { request.ruleSet = rules.ruleSet }
        request.arriveBy = arriveBy ?? ""
        request.pickUp = pickUp
        return request
    }
}
