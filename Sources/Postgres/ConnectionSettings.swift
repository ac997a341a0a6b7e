// Turns the configuration into the keywords of libpq, and opens connections with them. Opening
// blocks (name look-up, several hosts, `connect_timeout` for each of them), therefore it happens on
// a short-lived thread per attempt and never on the thread that serves the pipelines.

internal import Base
internal import CLibpq
private import Glibc

/// The keywords and values for each kind of connection.
struct ConnectionSettings: Sendable {
    /// Keywords in order; a later one wins over what the connection string says.
    private let common: [(keyword: String, value: String)]
    /// What the user's connection string already has under `options`.
    private let userOptions: String
    private let writerOptions: String
    private let poolOptions: String
    /// What every connection has besides: the role.
    private let roleSetting: [String: String]

    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        let given = try parseConninfo(configuration.conninfo)
        userOptions = given["options"] ?? ""
        var keywords = [
            ("dbname", configuration.conninfo),
            ("application_name", configuration.applicationName),
            ("client_encoding", "UTF8"),
        ]
        // A dead peer must be noticed although nothing is sent; whoever runs the network may have
        // said how, so these are only defaults.
        let seconds = max(2, (configuration.connectTimeoutMs + 999) / 1_000)
        let defaults = [
            ("connect_timeout", "\(seconds)"),
            ("keepalives", "1"),
            ("keepalives_idle", "5"),
            ("keepalives_interval", "2"),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"),
        ]
        keywords += defaults.filter { given[$0.0] == nil }
        common = keywords.map { (keyword: $0.0, value: $0.1) }
        let timeout = ["statement_timeout": "\(configuration.statementTimeoutMs)"]
        let role = configuration.role.map { ["role": $0] } ?? [:]
        roleSetting = role
        writerOptions = optionsText(
            timeout,
            configuration.writerSettings.merging(role) { $1 }
        )
        poolOptions = optionsText(timeout, configuration.poolSettings.merging(role) { $1 })
    }

    /// All keywords for one kind of connection.
    func keywords(for slot: SlotID, statementTimeoutMs: Int) -> [(keyword: String, value: String)] {
        let options =
            switch slot {
            case .writer: writerOptions
            case .pool: poolOptions
            case .session:
                optionsText(["statement_timeout": "\(statementTimeoutMs)"], roleSetting)
            }
        let all = userOptions.isEmpty ? options : "\(userOptions) \(options)"
        return common + [(keyword: "options", value: all)]
    }
}

/// What every connection is set to; `first` and then `second` may override it.
private func optionsText(_ first: [String: String], _ second: [String: String]) -> String {
    var settings = [
        "client_min_messages": "warning",
        "TimeZone": "UTC",
        "DateStyle": "ISO",
        // A server process must not go on for a client that is gone.
        "client_connection_check_interval": "2000",
    ]
    settings.merge(first) { $1 }
    settings.merge(second) { $1 }
    return settings.sorted { $0.key < $1.key }
        .map { "-c \($0.key)=\(escapedOption($0.value))" }
        .joined(separator: " ")
}

/// Spaces and backslashes end an option unless a backslash stands before them.
private func escapedOption(_ value: String) -> String {
    var escaped = ""
    for character in value {
        if character == " " || character == "\\" { escaped.append("\\") }
        escaped.append(character)
    }
    return escaped
}

/// The keywords that a connection string sets itself.
private func parseConninfo(_ conninfo: String) throws(PostgresError) -> [String: String] {
    var message: UnsafeMutablePointer<CChar>?
    guard let options = unsafe PQconninfoParse(conninfo, &message) else {
        // The message may quote the string, and the string may hold a password.
        unsafe PQfreemem(message)
        throw PostgresError(.connectFailed, "the connection string cannot be read")
    }
    defer { unsafe PQconninfoFree(options) }
    var given: [String: String] = [:]
    var index = 0
    while let keyword = unsafe options[index].keyword {
        if let value = unsafe options[index].val {
            unsafe given[String(cString: keyword)] = String(cString: value)
        }
        index += 1
    }
    return given
}

/// Opens a connection and waits for it; called on a thread that may block.
func openConnection(
    _ keywords: [(keyword: String, value: String)],
    isSession: Bool,
) -> Result<Link, PostgresError> {
    let names = unsafe keywords.map { unsafe strdup($0.keyword) }
    let values = unsafe keywords.map { unsafe strdup($0.value) }
    defer {
        for index in keywords.indices {
            unsafe free(names[index])
            unsafe free(values[index])
        }
    }
    let constNames = unsafe names.map { unsafe UnsafePointer($0) } + [nil]
    let constValues = unsafe values.map { unsafe UnsafePointer($0) } + [nil]
    guard let pointer = unsafe PQconnectdbParams(constNames, constValues, 1) else {
        return .failure(PostgresError(.connectFailed, "no memory for a connection"))
    }
    let handle = unsafe ConnectionHandle(owning: pointer)
    guard unsafe PQstatus(handle.pointer) == CONNECTION_OK else {
        return .failure(PostgresError(.connectFailed, handle.errorMessage))
    }
    guard unsafe PQsetnonblocking(handle.pointer, 1) == 0,
        unsafe PQenterPipelineMode(handle.pointer) == 1
    else {
        return .failure(PostgresError(.connectFailed, handle.errorMessage))
    }
    return .success(Link(handle, isSession: isSession))
}

/// Runs `body` on a new detached thread; false when the system has no thread left.
func startThread(name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
    let argument = unsafe Unmanaged.passRetained(ThreadBody(name: name, body: body))
    var thread = pthread_t()
    let result = unsafe pthread_create(
        &thread,
        nil,
        { argument in
            guard let argument = unsafe argument else { return nil }
            let body = unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
            unsafe holdfast_name_thread(body.name)
            body.body()
            return nil
        },
        argument.toOpaque(),
    )
    if result != 0 {
        unsafe argument.release()
        return false
    }
    pthread_detach(thread)
    return true
}

/// What a new thread is to do.
private final class ThreadBody: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}
