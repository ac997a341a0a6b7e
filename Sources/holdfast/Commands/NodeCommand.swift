// `holdfast node`: the network that orders are routed over.

internal import ArgumentParser
internal import Messages
internal import SwiftProtobuf

/// The commands about nodes and the rest of the network.
struct NodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Shows and changes the nodes that orders are routed over.",
        discussion: """
            A node ships, or hands out, in the windows of its calendar, each of which takes so many \
            orders and units. Nodes, carriers' services and their zone tables come from documents; \
            every change makes the next version of the network, and is in its history.

            EXAMPLES
              holdfast node import network.json
              holdfast node list
              holdfast node slots LDN-DC
              holdfast node capacity LDN-DC --day 2026-12-24 --orders 40 --units 400
              holdfast node drain MAN-STORE --note 'stocktaking'
            """,
        subcommands: [
            NodeList.self, NodeShow.self, NodeImport.self, NodeOpen.self, NodeDrain.self,
            NodeClose.self, NodeCapacity.self, NodeSlots.self, NodeHistory.self,
        ],
    )
}

/// Lists nodes.
struct NodeList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists the nodes of the network.",
        discussion: """
            EXAMPLES
              holdfast node list
              holdfast node list --json
            """,
    )

    @OptionGroup var call: CallOptions

    func run() async throws {
        let answer: Holdfast_V1_ListNodesResponse = try await ServerCalls.with(call) { server in
            try await server.call(.network, "ListNodes", Holdfast_V1_ListNodesRequest())
        }
        try printAnswer(answer, isJSON: call.json) { nodesText(answer) }
    }
}

/// Shows the document of a node, or of all.
struct NodeShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Prints the document of a node, or of the whole network.",
        discussion: """
            The document can be changed and imported again. --version prints what was at an \
            earlier version.

            EXAMPLES
              holdfast node show LDN-DC
              holdfast node show --version 3
              holdfast node show LDN-DC --json
            """,
    )

    @Argument(help: "The node. (default: all of the network)")
    var node: String?
    @Option(help: "The version of the network. (default: the current one)")
    var version: Int64 = 0
    @OptionGroup var call: CallOptions

    func run() async throws {
        var request = Holdfast_V1_GetNetworkRequest()
        request.node = node ?? ""
        request.version = version
        let answer: Holdfast_V1_GetNetworkResponse =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.network, "GetNetwork", request)
            }
        try printAnswer(answer, isJSON: call.json) { indentedJSON(answer.document) }
    }
}

/// Puts documents.
struct NodeImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Puts the nodes, services and places that files define.",
        discussion: """
            A file is JSON with currency, services, nodes and places, or a table: services.csv, \
            rates.csv, nodes.csv, calendar.csv, exceptions.csv, lanes.csv, places.csv. All files \
            together are one change: everything in them is put, or nothing, and all that is wrong \
            is told at once, with file, line and field. What the files do not name stays; --prune \
            removes it. The same files again change nothing.

            EXAMPLES
              holdfast node import network.json
              holdfast node import nodes.csv calendar.csv lanes.csv --dry-run
              holdfast node import network.json --prune --note 'autumn plan' --json
            """,
    )

    @Argument(help: "The files, in UTF-8.", completion: .file(extensions: ["json", "csv"]))
    var files: [String]
    @Flag(help: "Remove what the files do not name.")
    var prune = false
    @Flag(help: "Check the files and change nothing.")
    var dryRun = false
    @Option(help: "Why, for the history.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ImportNetworkRequest()
        request.files = try files.map { try documentFile($0) }
        request.prune = prune
        request.note = note
        let answer: Holdfast_V1_ImportNetworkResponse =
            try await ServerCalls.with(call) { [request] server in
                var request = request
                request.checkOnly = true
                let found: Holdfast_V1_ImportNetworkResponse =
                    try await server.call(.network, "ImportNetwork", request)
                try refuse(found.faults)
                if dryRun { return found }
                request.checkOnly = false
                request.idempotencyKey = key
                return try await server.call(.network, "ImportNetwork", request, key: key)
            }
        try printAnswer(answer, isJSON: call.json, key: dryRun ? nil : key) {
            let warnings = answer.faults.map { "warning: \(faultText($0))\n" }.joined()
            let things = counted(answer.changes, "item")
            if dryRun { return warnings + "would change \(things), at version \(answer.version)\n" }
            if answer.changes == 0 {
                return warnings + "nothing to change, version \(answer.version)\n"
            }
            return warnings + "changed \(things), version \(answer.version)\n"
        }
    }
}

/// Lets a node take work.
struct NodeOpen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open",
        abstract: "Lets a node take work again.",
        discussion: """
            EXAMPLES
              holdfast node open MAN-STORE
              holdfast node open MAN-STORE --note 'stocktaking is over'
            """,
    )

    @OptionGroup var change: StatusOptions

    func run() async throws { try await change.run(.open) }
}

/// Gives a node no new work.
struct NodeDrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Gives a node no new work; it finishes what it has.",
        discussion: """
            EXAMPLES
              holdfast node drain MAN-STORE
              holdfast node drain MAN-STORE --note stocktaking
            """,
    )

    @OptionGroup var change: StatusOptions

    func run() async throws { try await change.run(.draining) }
}

/// Takes a node out of service.
struct NodeClose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close",
        abstract: "Takes a node out of service.",
        discussion: """
            EXAMPLES
              holdfast node close MAN-STORE
              holdfast node close MAN-STORE --note 'burst pipe'
            """,
    )

    @OptionGroup var change: StatusOptions

    func run() async throws { try await change.run(.closed) }
}

/// What the commands that change a node's status share.
struct StatusOptions: ParsableArguments {
    @Argument(help: "The node.")
    var node: String
    @Option(help: "Why, for the history.")
    var note = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run(_ status: Holdfast_V1_NodeStatus) async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_SetNodeStatusRequest()
        request.idempotencyKey = key
        request.node = node
        request.status = status
        request.note = note
        let answer: Holdfast_V1_NetworkChanged =
            try await ServerCalls.with(call) { [request] server in
                try await server.call(.network, "SetNodeStatus", request, key: key)
            }
        try printAnswer(answer, isJSON: call.json, key: key) {
            "\(printable(node)) \(answer.isChanged ? "is" : "was already") \(caseName(status)), "
                + "version \(answer.version)\n"
        }
    }
}
