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
        var prefix: [UInt8]
        var rate: LaneRate
    }

    /// The rows for one country: by service, then by origin.
    struct Country: Sendable {
        fileprivate var rows: [Row]
        fileprivate var starts: [Int]
        private let origins: Int

        fileprivate init(
            services: [CarrierService],
            origins: [String],
            country: String?,
        ) {
            self.origins = origins.count
            rows = []
            starts = [0]
            for service in services {
                for origin in origins {
                    let matching = service.rates
                        .filter { rate in
                            (rate.origin == nil || rate.origin == origin)
                                && (rate.destination == nil || rate.destination == country)
                        }
                        .map { (letters: postalLetters($0.postalPrefix), rate: $0) }
                    // Sorting keeps the order of equals, so the first of them counts.
                    rows += matching.sorted { Self.rank($0) > Self.rank($1) }
                        .map { Row(prefix: $0.letters, rate: LaneRate($0.rate)) }
                    starts.append(rows.count)
                }
            }
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
                let prefix = rows[index].prefix
                if prefix.isEmpty || letters.starts(with: prefix) { return rows[index].rate }
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
