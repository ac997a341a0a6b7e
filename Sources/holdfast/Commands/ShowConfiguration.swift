// `holdfast configuration`: every setting, its value and where the value came from.

internal import ArgumentParser
internal import Foundation

/// Lists the settings of a server.
struct ShowConfiguration: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "configuration",
        abstract: "Lists every setting: value, origin, default and meaning.",
        discussion: """
            Reads what `holdfast serve` with the same flags would read, and starts nothing. \
            Passwords are not shown. Flags come before the environment, that before the file.

            EXAMPLES
              holdfast configuration
              holdfast configuration --config /etc/holdfast.json
              HOLDFAST_LOOPS=4 holdfast configuration --json
            """,
    )

    @OptionGroup(title: "Settings") var flags: SettingFlags
    @Flag(help: "Print one JSON object instead of a table.")
    var json = false

    func run() async throws {
        let settings = try await flags.settings()
        Terminal.write(json ? Self.json(settings) : Self.text(settings))
        if !settings.problems.isEmpty { throw SettingsError(problems: settings.problems) }
    }

    /// A table of all settings.
    static func text(_ settings: Settings) -> String {
        var table = Table([
            .text("KEY"), .text("VALUE"), .text("FROM"), .text("DEFAULT"), .text("UNIT"),
            .text("ENVIRONMENT"), .text("MEANING"),
        ])
        for key in ConfigurationKey.allCases {
            let value = settings.values[key]
            table.add([
                key.rawValue,
                value.map { key.shown($0.text) } ?? "-",
                value?.source.text ?? (key.entry.isRequired ? "required" : "-"),
                key.entry.byDefault ?? "-",
                key.entry.unit,
                key.variable,
                key.entry.meaning,
            ])
        }
        return table.text
    }

    /// The same as an object, by key.
    static func json(_ settings: Settings) -> String {
        struct Row: Encodable {
            var key: String
            var value: String?
            var from: String?
            var byDefault: String?
            var unit: String
            var isRequired: Bool
            var environment: String
            var flag: String
            var meaning: String
        }
        let rows = ConfigurationKey.allCases.map { key in
            Row(
                key: key.rawValue,
                value: settings.values[key].map { key.shown($0.text) },
                from: settings.values[key]?.source.text,
                byDefault: key.entry.byDefault,
                unit: key.entry.unit,
                isRequired: key.entry.isRequired,
                environment: key.variable,
                flag: key.usage,
                meaning: key.entry.meaning,
            )
        }
        return JSONText.encoded(["settings": rows]) + "\n"
    }
}

extension SettingFlags {
    /// The settings that these flags, the environment and the file make.
    func settings(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> Settings {
        try await Settings(
            flags: values,
            environment: environment,
            file: config ?? environment["HOLDFAST_CONFIG"],
        )
    }
}
