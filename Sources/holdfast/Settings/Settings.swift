// The settings as they are, and where each came from: flags before environment before file before
// defaults. A name that nobody knows is refused, because a setting with a slip in it would otherwise
// be a default that nobody wanted.

internal import Configuration
internal import SystemPackage

/// Where a value came from.
enum SettingSource: Equatable {
    case flag
    case environment
    case file(String)
    case byDefault

    /// For people.
    var text: String {
        switch self {
        case .flag: "flag"
        case .environment: "environment"
        case .file(let path): "file \(path)"
        case .byDefault: "default"
        }
    }
}

/// What is wrong with the settings, each as one sentence.
struct SettingsError: Error, Equatable {
    var problems: [String]
}

/// Every setting that has a value.
struct Settings {
    /// A value with its origin.
    struct Value: Equatable {
        var text: String
        var source: SettingSource
    }

    private(set) var values: [ConfigurationKey: Value] = [:]
    /// Wrong names and wrong values; a server must not start with any.
    private(set) var problems: [String] = []

    /// Collects the settings.
    ///
    /// - Parameters:
    ///   - flags: what the command line says.
    ///   - file: the JSON file, or nil.
    /// - Throws: `SettingsError` when the file cannot be read; wrong names and values are told by
    ///   `problems` instead.
    init(
        flags: [ConfigurationKey: String],
        environment: [String: String],
        file: String?,
    ) async throws {
        problems = SettingNames.problems(inEnvironment: environment)
        var providers: [(SettingSource, any ConfigProvider)] = [
            (.flag, Self.provider(flags)),
            (.environment, Self.provider(environment)),
        ]
        if let file {
            problems += try SettingNames.problems(inFile: file)
            providers.append((.file(file), try await Self.provider(file)))
        }
        for key in ConfigurationKey.allCases {
            if let value = Self.value(of: key, from: providers) {
                values[key] = value
                check(key, value)
            } else if let text = key.entry.byDefault {
                values[key] = Value(text: text, source: .byDefault)
            }
        }
    }

    // MARK: Values

    private static func value(
        of key: ConfigurationKey,
        from providers: [(SettingSource, any ConfigProvider)],
    ) -> Value? {
        for (source, provider) in providers {
            // A number in a file is a text everywhere else.
            for type in [ConfigType.string, .int] {
                let found = try? provider.value(forKey: key.absolute, type: type).value?.content
                switch found {
                case .string(let text)?: return Value(text: text, source: source)
                case .int(let number)?: return Value(text: "\(number)", source: source)
                default: continue
                }
            }
        }
        return nil
    }

    private mutating func check(_ key: ConfigurationKey, _ value: Value) {
        if key.accepts(value.text) { return }
        let name =
            switch value.source {
            case .flag: key.usage
            case .environment: key.variable
            case .file(let path): "\(key.rawValue) in \(path)"
            case .byDefault: key.rawValue
            }
        problems.append(
            "\(name) is \"\(key.shown(value.text))\", expected \(key.expectation)"
        )
    }

    // MARK: Providers

    private static func provider(_ flags: [ConfigurationKey: String]) -> any ConfigProvider {
        let values = flags.map { key, text in
            (key.absolute, ConfigValue(.string(text), isSecret: key.entry.kind == .secret))
        }
        return InMemoryProvider(name: "flags", values: Dictionary(uniqueKeysWithValues: values))
    }

    private static func provider(_ environment: [String: String]) -> any ConfigProvider {
        // Two names are shorter in the environment than in the file.
        EnvironmentVariablesProvider(environmentVariables: environment)
            .mapKeys { key in
                let known = ConfigurationKey(rawValue: key.components.joined(separator: "."))
                let flag = known?.flag ?? key.components.joined(separator: "-")
                return AbsoluteConfigKey(["holdfast"] + flag.split(separator: "-").map(String.init))
            }
    }

    private static func provider(_ file: String) async throws -> any ConfigProvider {
        do {
            return try await FileProvider<JSONSnapshot>(filePath: FilePath(file))
        } catch {
            throw SettingsError(problems: ["cannot read \(file): \(error)"])
        }
    }
}

extension ConfigurationKey {
    fileprivate var absolute: AbsoluteConfigKey {
        AbsoluteConfigKey(rawValue.split(separator: ".").map(String.init))
    }
}
