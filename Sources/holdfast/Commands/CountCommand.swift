// `holdfast count`: cycle counts, from the count sheet to the ledger.

internal import ArgumentParser
internal import Messages
internal import SwiftProtobuf

/// The commands about cycle counts.
struct CountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "count",
        abstract: "Proposes, lists, approves and rejects cycle counts.",
        discussion: """
            A count says how many units somebody found at a node. It is held against the books of \
            the moment at which it was made; what came and went since does not matter. Once \
            somebody else approves it, the ledger is corrected by the difference, as ADJUSTED with \
            the reason. Units that are promised are never taken away: the count shows which holds \
            would become short, and waits until they are released or cancelled.

            EXAMPLES
              holdfast count propose 85123A@LDN-DC=118 --reference 'count sheet 12'
              holdfast count list --state proposed
              holdfast count approve 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
            """,
        subcommands: [
            CountPropose.self, CountList.self, CountShow.self, CountApprove.self, CountReject.self,
        ],
    )
}

/// Notes what was counted.
struct CountPropose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "propose",
        abstract: "Notes what was counted; the ledger stays as it is.",
        discussion: """
            The number is all that is there, damaged units and those in quality control included.

            EXAMPLES
              holdfast count propose 85123A@LDN-DC=118
              holdfast count propose 85123A@LDN-DC=118 --at 2026-11-25T06:30:00Z \\
                --reason loss --reference 'count sheet 12'
            """,
    )

    @Argument(help: ArgumentHelp("What was counted.", valueName: "sku@node=units"))
    var line: LineArgument
    @Option(help: "When it was counted, in UTC. (default: now)")
    var at: ExactMomentArgument?
    @Option(help: "Why the units are there or not; return is none. (default: count)")
    var reason: CaseArgument<Holdfast_V1_AdjustReason>?
    @Option(help: "What it belongs to, such as a count sheet; required for other.")
    var reference = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func validate() throws { _ = try [line].withoutPrices() }

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ProposeCountRequest()
        request.idempotencyKey = key
        request.sku = line.sku
        request.node = line.node
        request.counted = line.quantity
        if let at { request.countedAt = at.moment }
        if let reason { request.reason = reason.value }
        request.reference = reference
        let answer: Holdfast_V1_StockCount = try await ServerCalls.with(call) { server in
            try await server.call(.counts, "ProposeCount", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { countText(answer) }
    }
}

/// Lists counts.
struct CountList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists counts, newest first.",
        discussion: """
            EXAMPLES
              holdfast count list --state proposed
              holdfast count list --sku 85123A --node LDN-DC --all --json
            """,
    )

    @Option(help: "Only counts in this state.")
    var state: CaseArgument<Holdfast_V1_CountState>?
    @Option(help: "Only this SKU.")
    var sku = ""
    @Option(help: "Only this node.")
    var node = ""
    @Option(help: "How many, 1 to 500.")
    var rows = 50
    @Flag(help: "List every count.")
    var all = false
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (1...500).contains(rows) else { throw ValidationError("--rows takes 1 to 500") }
    }

    func run() async throws {
        var request = Holdfast_V1_ListCountsRequest()
        if let state { request.state = state.value }
        request.sku = sku
        request.node = node
        request.pageSize = all ? 500 : Int32(rows)
        let answer = try await ServerCalls.with(call) { [request] server in
            var request = request
            var answer = Holdfast_V1_ListCountsResponse()
            repeat {
                request.pageToken = answer.nextPageToken
                let page: Holdfast_V1_ListCountsResponse =
                    try await server.call(.counts, "ListCounts", request)
                answer.counts += page.counts
                answer.nextPageToken = page.nextPageToken
            } while all && !answer.nextPageToken.isEmpty
            return answer
        }
        try printAnswer(answer, isJSON: call.json) { countsText(answer.counts) }
        if !answer.nextPageToken.isEmpty { Terminal.note("there are more counts: --all\n") }
    }
}

/// Shows a count.
struct CountShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows a count, its history, and the holds that would become short.",
        discussion: """
            EXAMPLES
              holdfast count show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast count show 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_GetCountRequest()
        request.id = id
        let answer: Holdfast_V1_StockCount = try await ServerCalls.with(call) { [request] server in
            try await server.call(.counts, "GetCount", request)
        }
        try printAnswer(answer, isJSON: call.json) { countText(answer) }
    }
}

/// Applies a count.
struct CountApprove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Corrects the ledger by the difference that a count found.",
        discussion: """
            Somebody else than who proposed it has to approve it, or an admin. When units are \
            promised that the count says are not there, it is refused (status 3): `holdfast count \
            show` lists the holds that would become short. --part applies what is not promised and \
            leaves the count open for the rest.

            EXAMPLES
              holdfast count approve 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa
              holdfast count approve 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --part
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Flag(help: "Apply what is not promised, when not all of it can be applied.")
    var part = false
    @Option(help: "What to say about it.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ApproveCountRequest()
        request.idempotencyKey = key
        request.id = id
        request.allowPart = part
        request.note = note
        let answer: Holdfast_V1_StockCount = try await ServerCalls.with(call) { [request] server in
            do {
                return try await server.call(.counts, "ApproveCount", request, key: key)
            } catch var error as CommandError where error.reason == "NOT_ENOUGH" {
                error.hint =
                    "`holdfast count show \(id)` lists the holds that would become short; "
                    + "release them first, or apply what can be with --part"
                throw error
            }
        }
        try printAnswer(answer, isJSON: call.json, key: key) { countText(answer) }
    }
}

/// Closes a count.
struct CountReject: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reject",
        abstract: "Closes a count without applying what is left of it.",
        discussion: """
            EXAMPLES
              holdfast count reject 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --note aisle
              holdfast count reject 0193a5c0-7b1e-7c44-9d1b-3f2a40c1e9aa --json \\
                --note 'wrong aisle'
            """,
    )

    @Argument(help: "Its id.")
    var id: String
    @Option(help: "Why.")
    var note: String
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_RejectCountRequest()
        request.idempotencyKey = key
        request.id = id
        request.note = note
        let answer: Holdfast_V1_StockCount = try await ServerCalls.with(call) { [request] server in
            try await server.call(.counts, "RejectCount", request, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { countText(answer) }
    }
}
