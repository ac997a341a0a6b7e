// Looks for names that are no setting, in the environment and in a file, and says what was meant.

internal import Foundation

/// Checks the names of settings.
enum SettingNames {
    /// Variables that belong to commands and not to the settings of a server.
    private static let otherVariables = [
        "HOLDFAST_CONFIG", "HOLDFAST_SERVER", "HOLDFAST_TIMEOUT",
        "HOLDFAST_TOKEN", "HOLDFAST_TOKEN_FILE",
        "HOLDFAST_TLS", "HOLDFAST_TLS_CA", "HOLDFAST_TLS_SERVER_NAME",
        "HOLDFAST_TLS_CLIENT_CERTIFICATE", "HOLDFAST_TLS_CLIENT_KEY",
    ]
    /// Variables that tests use.
    private static let testPrefix = "HOLDFAST_TEST_"
    #if DEBUG
    /// Names a step of the protocol that this process leaves out.
    static let breakVariable: String? = "HOLDFAST_BREAK"
    #else
    static let breakVariable: String? = nil
    #endif

    /// Variables that begin like ours and are no setting.
    static func problems(inEnvironment environment: [String: String]) -> [String] {
        let known = ConfigurationKey.allCases.map(\.variable) + otherVariables
        return environment.keys.sorted()
            .filter {
                $0.hasPrefix("HOLDFAST_") && !known.contains($0) && !$0.hasPrefix(testPrefix)
                    && $0 != breakVariable
            }
            .map { "the environment has \($0), which is no setting" + hint($0, known) }
    }

    /// Members of a JSON file that are no setting, or of a type that no setting has.
    ///
    /// - Throws: `SettingsError` when the file cannot be read or is not one JSON object.
    static func problems(inFile path: String) throws -> [String] {
        let node: Node
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            node = try JSONDecoder().decode(Node.self, from: data)
        } catch is DecodingError {
            throw SettingsError(problems: ["\(path) is no valid JSON"])
        } catch {
            let why = (error as NSError).localizedDescription
            throw SettingsError(problems: ["cannot read \(path): \(why)"])
        }
        guard case .object(let members) = node else {
            throw SettingsError(problems: ["\(path) must hold one JSON object"])
        }
        return problems(in: members, under: [], path)
    }

    private static func problems(
        in members: [String: Node],
        under parents: [String],
        _ path: String,
    ) -> [String] {
        let known = ConfigurationKey.allCases.map(\.rawValue)
        return members.sorted { $0.key < $1.key }
            .flatMap { member, node in
                let name = (parents + [member]).joined(separator: ".")
                if case .object(let inner) = node {
                    return problems(in: inner, under: parents + [member], path)
                }
                if ConfigurationKey(rawValue: name) == nil {
                    return ["\(path) has \(name), which is no setting" + hint(name, known)]
                }
                if case .other(let what) = node {
                    return ["\(name) in \(path) is \(what), expected a text or a whole number"]
                }
                return []
            }
    }

    private static func hint(_ name: String, _ known: [String]) -> String {
        nearest(to: name, among: known).map { "; did you mean \($0)?" } ?? ""
    }
}

/// JSON, as far as its shape matters here.
private enum Node: Decodable {
    case object([String: Node])
    case scalar
    case other(String)

    init(from decoder: any Decoder) throws {
        if let members = try? [String: Node](from: decoder) {
            self = .object(members)
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .other("null")
        } else if let flag = try? container.decode(Bool.self) {
            self = .other("\(flag)")
        } else if (try? container.decode(String.self)) != nil
            || (try? container.decode(Int.self)) != nil
        {
            self = .scalar
        } else if let number = try? container.decode(Double.self) {
            self = .other("\(number)")
        } else {
            self = .other("a list")
        }
    }
}
