// `holdfast exceptions`: what people have to see to.

internal import ArgumentParser
internal import Base
internal import Messages

/// The commands about exceptions.
struct Exceptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exceptions",
        abstract: "Lists, shows, retries and resolves what people have to see to.",
        discussion: """
            EXAMPLES
              holdfast exceptions list --queue routing
              holdfast exceptions retry 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast exceptions resolve 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --note found
            """,
        subcommands: [
            ExceptionsList.self, ExceptionsShow.self, ExceptionsRetry.self,
            ExceptionsResolve.self,
        ],
    )
}

/// Lists exceptions.
struct ExceptionsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists exceptions, oldest first; those that are open unless asked otherwise.",
        discussion: """
            EXAMPLES
              holdfast exceptions list
              holdfast exceptions list --queue stock --code STOCK_SHORT_PICK --all --json
              holdfast exceptions list --state resolved
            """,
    )

    @Option(help: "Only this queue, such as routing or stock.")
    var queue = ""
    @Option(help: "Only this code, such as ROUTE_EXHAUSTED.")
    var code = ""
    @Option(help: "Only of this order.")
    var order = ""
    @Option(help: "Only in this state. (default: open)")
    var state: CaseArgument<Holdfast_V1_ExceptionState>?
    @Option(help: "How many, 1 to 500.")
    var rows = 50
    @Flag(help: "List every exception.")
    var all = false
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (1...500).contains(rows) else { throw ValidationError("--rows takes 1 to 500") }
    }

    func run() async throws {
        var request = Holdfast_V1_ListExceptionsRequest()
        request.queue = queue
        request.code = code
        request.orderID = order
        if let state { request.state = state.value }
        request.pageSize = all ? 500 : Int32(rows)
        let answer = try await ServerCalls.with(call) { [request, all] server in
            var request = request
            var answer = Holdfast_V1_ListExceptionsResponse()
            repeat {
                request.pageToken = answer.nextPageToken
                let page: Holdfast_V1_ListExceptionsResponse =
                    try await server.call(.fulfilment, "ListExceptions", request)
                answer.exceptions += page.exceptions
                answer.nextPageToken = page.nextPageToken
            } while all && !answer.nextPageToken.isEmpty
            return answer
        }
        try printAnswer(answer, isJSON: call.json) { exceptionsText(answer.exceptions) }
        if !answer.nextPageToken.isEmpty { Terminal.note("there are more exceptions: --all\n") }
    }
}

/// Shows an exception.
struct ExceptionsShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows an exception with its history.",
        discussion: """
            EXAMPLES
              holdfast exceptions show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast exceptions show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_GetExceptionRequest()
        request.id = id
        let answer: Holdfast_V1_OrderException =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.fulfilment, "GetException", request)
            }
        try printAnswer(answer, isJSON: call.json) { exceptionText(answer) }
    }
}

/// Resolves an exception.
struct ExceptionsResolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Somebody has seen to it.",
        discussion: """
            EXAMPLES
              holdfast exceptions resolve 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --note found
              holdfast exceptions resolve 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json \\
                --note 'customer takes another colour'
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Option(help: "What was done about it.")
    var note: String
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ResolveExceptionRequest()
        request.id = id
        request.idempotencyKey = key
        request.note = note
        let answer: Holdfast_V1_OrderException =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.fulfilment, "ResolveException", request, key: key)
            }
        try printAnswer(answer, isJSON: call.json, key: key) { exceptionText(answer) }
    }
}

/// Tries once more.
struct ExceptionsRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Looks for a node once more, for units that have none (ROUTE_EXHAUSTED).",
        discussion: """
            Waits for what comes of it: status 0 when a node was found, 3 when there is still none.

            EXAMPLES
              holdfast exceptions retry 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast exceptions retry 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Option(help: "What to say about it.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_RetryExceptionRequest()
        request.id = id
        request.idempotencyKey = key
        request.note = note
        let timeoutMs = try call.timeoutMs()
        let answer = try await ServerCalls.with(call) { [request] server in
            let asked: Holdfast_V1_OrderException =
                try await server.call(.fulfilment, "RetryException", request, key: key)
            return try await outcome(of: asked, server, timeoutMs)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { exceptionText(answer) }
        if answer.state == .open {
            throw CommandError(.refused, "there is still no node: \(answer.detail)")
        }
    }

    /// The exception once something has happened to it since it was to be tried again.
    private func outcome(
        of asked: Holdfast_V1_OrderException,
        _ server: ServerCalls,
        _ timeoutMs: Int64,
    ) async throws -> Holdfast_V1_OrderException {
        var request = Holdfast_V1_GetExceptionRequest()
        request.id = asked.id
        let end = Deadline.now.advanced(milliseconds: timeoutMs)
        while !end.hasPassed {
            let now: Holdfast_V1_OrderException =
                try await server.call(.fulfilment, "GetException", request)
            if now.history.count > asked.history.count { return now }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw CommandError(
            .unreachable,
            "nothing has come of it yet",
            hint: "`holdfast exceptions show \(asked.id)` tells when it has",
        )
    }
}
