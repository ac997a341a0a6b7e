// Times and lengths of time, as people write and read them. UTC everywhere.

internal import Foundation
internal import SwiftProtobuf

/// A moment as `2026-11-23 07:49:46Z`; empty when it was not set.
func momentText(_ moment: Google_Protobuf_Timestamp) -> String {
    if moment.seconds == 0, moment.nanos == 0 { return "" }
    return Date(timeIntervalSince1970: TimeInterval(moment.seconds))
        .formatted(
            .iso8601.year().month().day()
                .dateTimeSeparator(.space)
                .time(includingFractionalSeconds: false)
                .timeZone(separator: .omitted)
        )
}

/// A moment as `2026-11-23T07:49:46.123456Z`, to the microsecond.
func exactMomentText(_ moment: Google_Protobuf_Timestamp) -> String {
    let seconds = Date(timeIntervalSince1970: TimeInterval(moment.seconds))
        .formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: false)
        )
    let digits = "\(moment.nanos / 1_000)"
    return "\(seconds).\(String(repeating: "0", count: 6 - digits.count))\(digits)Z"
}

/// Reads what `parseMoment` reads, and a fraction of a second to the microsecond:
/// `2026-11-23T07:49:46.123456Z`.
func parseExactMoment(_ text: String) -> Google_Protobuf_Timestamp? {
    guard let match = text.wholeMatch(of: /(.*T[0-9:]+)\.([0-9]{1,6})([^0-9].*)?/) else {
        return text.contains(".") ? nil : parseMoment(text)
    }
    guard var moment = parseMoment(String(match.1) + String(match.3 ?? "")),
        let fraction = Int32(match.2 + String(repeating: "0", count: 6 - match.2.count))
    else { return nil }
    moment.nanos = fraction * 1_000
    return moment
}

/// Reads `2026-11-23` or `2026-11-23T07:49:46Z` (also with an offset); nil when it is neither.
func parseMoment(_ text: String) -> Google_Protobuf_Timestamp? {
    let full = text.contains("T") ? text : text + "T00:00:00Z"
    guard let date = try? Date(full, strategy: .iso8601) else { return nil }
    var moment = Google_Protobuf_Timestamp()
    moment.seconds = Int64(date.timeIntervalSince1970.rounded(.down))
    return moment
}

/// Reads `90s`, `15m`, `2h`, `1h30m`, `250ms` or a number of seconds; milliseconds, nil when it is
/// none of them or below zero.
func parseDuration(_ text: String) -> Int64? {
    if let seconds = Int64(text) {
        let (value, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        return overflow || seconds < 0 ? nil : value
    }
    var rest = text[...]
    var sum: Int64 = 0
    while !rest.isEmpty {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(digits.count)
        let unit = rest.prefix { $0.isASCII && $0.isLetter }
        rest = rest.dropFirst(unit.count)
        guard let number = Int64(digits), let factor = durationUnits[String(unit)] else {
            return nil
        }
        let (part, tooLong) = number.multipliedReportingOverflow(by: factor)
        let (next, tooMuch) = sum.addingReportingOverflow(part)
        if tooLong || tooMuch { return nil }
        sum = next
    }
    return text.isEmpty ? nil : sum
}

private let durationUnits: [String: Int64] = [
    "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000,
]
