// Logs one line per event to standard error: time in UTC, level, message, then what belongs to it. No
// colours, and no line feed within an event, whatever a peer has sent.

internal import Foundation
internal import Logging

/// Writes events as lines.
struct LineLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let format: ServeConfiguration.LogFormat
    private let now: @Sendable () -> Date
    private let write: @Sendable (String) -> Void

    init(
        level: Logger.Level,
        format: ServeConfiguration.LogFormat,
        now: @escaping @Sendable () -> Date = { Date() },
        write: @escaping @Sendable (String) -> Void = { Terminal.note($0) },
    ) {
        logLevel = level
        self.format = format
        self.now = now
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let given = event.metadata { all.merge(given) { _, new in new } }
        if let error = event.error { all["error"] = "\(error)" }
        let pairs = all.map { ($0.key, "\($0.value)") }.sorted { $0.0 < $1.0 }
        let time = now()
            .formatted(
                .iso8601.time(includingFractionalSeconds: true)
                    .year().month().day().timeZone(separator: .omitted)
            )
        switch format {
        case .text: write(textLine(time, event, pairs))
        case .json: write(jsonLine(time, event, pairs))
        }
    }

    private func textLine(_ time: String, _ event: LogEvent, _ pairs: [(String, String)]) -> String
    {
        let level = event.level.rawValue.uppercased()
        let space = String(repeating: " ", count: max(0, 8 - level.count))
        let rest = pairs.map { name, value in
            let needsQuotes = value.isEmpty || value.contains { $0 == " " || $0 == "\"" }
            let shown = printable(value)
            return needsQuotes
                ? " \(name)=\"\(shown.replacing("\"", with: "\\\""))\"" : " \(name)=\(shown)"
        }
        return "\(time) \(level)\(space) \(printable("\(event.message)"))\(rest.joined())\n"
    }

    private func jsonLine(_ time: String, _ event: LogEvent, _ pairs: [(String, String)]) -> String
    {
        struct Line: Encodable {
            var time: String
            var level: String
            var message: String
            var source: String
            var fields: [String: String]
        }
        let line = Line(
            time: time,
            level: event.level.rawValue,
            message: "\(event.message)",
            source: event.source,
            fields: Dictionary(pairs) { _, last in last },
        )
        return JSONText.encoded(line) + "\n"
    }
}
