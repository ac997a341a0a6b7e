// Which row of a zone table counts, worked out beforehand for every country that a row names.

internal import Domain

/// What a service costs and takes from a country to one destination.
struct LaneRate: Sendable {
    var base: Int64
    var unit: Int64
    var kilogram: Int64
    var transitDays: Int16

    init(_ rate: Rate) {
        base = max(0, rate.baseMinor)
        unit = max(0, rate.unitMinor)
        kilogram = max(0, rate.kilogramMinor)
        transitDays = rate.transitDays
    }
}

/// The rates of all services, by destination country.
struct RateTable: Sendable {
    /// A row that may match, the most specific first.
    fileprivate struct Row: Sendable {
        /// Whether the postal code has to begin in some way.
        var hasPrefix: Bool
        var rate: LaneRate
    }

    /// The rows for one country: by service, then by origin.
    final class Country: Sendable {
        fileprivate let rows: [Row]
        /// By row.
        fileprivate let prefixes: [[UInt8]]
        fileprivate let starts: [Int]
        private let origins: Int

        fileprivate init(
            services: [CarrierService],
            origins: [String],
            country: String?,
        ) {
            self.origins = origins.count
            var rows: [Row] = []
            var prefixes: [[UInt8]] = []
            var starts = [0]
            for service in services {
                for origin in origins {
                    let matching = service.rates
                        .filter { rate in
                            (rate.origin == nil || rate.origin == origin)
                                && (rate.destination == nil || rate.destination == country)
                        }
                        .map { (letters: postalLetters($0.postalPrefix), rate: $0) }
                    // Sorting keeps the order of equals, so the first of them counts.
                    for row in matching.sorted(by: { Self.rank($0) > Self.rank($1) }) {
                        rows.append(
                            Row(hasPrefix: !row.letters.isEmpty, rate: LaneRate(row.rate))
                        )
                        prefixes.append(row.letters)
                    }
                    starts.append(rows.count)
                }
            }
            self.rows = rows
            self.prefixes = prefixes
            self.starts = starts
        }

        private static func rank(_ row: (letters: [UInt8], rate: Rate)) -> (Int, Int, Int) {
            (
                row.letters.count, row.rate.destination == nil ? 0 : 1,
                row.rate.origin == nil ? 0 : 1
            )
        }

        /// The row that counts, or nil when the service does not go there.
        func rate(service: Int, origin: Int, letters: [UInt8]) -> LaneRate? {
            let place = service * origins + origin
            for index in starts[place]..<starts[place + 1] {
                if !rows[index].hasPrefix || letters.starts(with: prefixes[index]) {
                    return rows[index].rate
                }
            }
            return nil
        }
    }

    private let countries: [String: Country]
    /// For countries that no row names.
    private let elsewhere: Country

    init(services: [CarrierService], origins: [String]) {
        let named = Set(services.flatMap { $0.rates.compactMap(\.destination) })
        countries = Dictionary(
            uniqueKeysWithValues: named.map { country in
                (country, Country(services: services, origins: origins, country: country))
            }
        )
        elsewhere = Country(services: services, origins: origins, country: nil)
    }

    func country(_ name: String) -> Country { countries[name] ?? elsewhere }
}
