// `holdfast route`: plans, why they won, and reservations that hold what a plan takes.

internal import ArgumentParser
internal import Messages

/// The commands of routing; without a name of one it plans.
struct RouteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "route",
        abstract: "Plans which nodes send a cart, explains decisions, and tries other rules.",
        discussion: """
            EXAMPLES
              holdfast route 85123A=2 84077=1 --to GB:SW1A
              holdfast route decisions --channel web
            """,
        subcommands: [
            RoutePlanCommand.self, RouteReserve.self, RouteDecisions.self, RouteShow.self,
            RouteSimulate.self,
        ],
        defaultSubcommand: RoutePlanCommand.self,
    )
}

/// Plans a cart.
struct RoutePlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Plans which nodes send a cart, and takes nothing.",
        discussion: """
            --explain tells of every node what it could send and what it lost by; with --json that \
            is everything from which the scores can be computed again. The decision is stored: \
            `holdfast route show` explains it later.

            EXAMPLES
              holdfast route 85123A=2 84077=1 --to GB:SW1A --channel web
              holdfast route 85123A=2 --to IE --arrive-by 2026-12-24 --explain
              holdfast route 85123A=2 --to GB:M1 --pick-up --json
            """,
    )

    @OptionGroup var cart: CartOptions
    @Option(help: "Plans that are wanted, 1 to 10.")
    var plans: Int32 = 3
    @Flag(help: "Tell of every node what it lost by.")
    var explain = false
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (1...10).contains(plans) else { throw ValidationError("--plans takes 1 to 10") }
    }

    func run() async throws {
        var request = cart.request
        request.plansMax = plans
        let wanted = request
        let (answer, explanation) = try await ServerCalls.with(call) { server in
            let answer: Holdfast_V1_RouteResponse =
                try await server.call(.routing, "Route", wanted)
            if !explain { return (answer, Holdfast_V1_RouteExplanation?.none) }
            var question = Holdfast_V1_ExplainRouteRequest()
            question.decisionID = answer.decisionID
            let explanation: Holdfast_V1_RouteExplanation =
                try await server.call(.routing, "ExplainRoute", question)
            return (answer, explanation)
        }
        if let explanation {
            try printAnswer(explanation, isJSON: call.json) { explanationText(explanation) }
        } else {
            try printAnswer(answer, isJSON: call.json) { routeText(answer) }
        }
    }
}

/// Plans a cart and holds what the plan takes.
struct RouteReserve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reserve",
        abstract: "Plans a cart and holds goods and the nodes' capacity, in one step.",
        discussion: """
            EXAMPLES
              holdfast route reserve 85123A=2 84077=1 --to GB:SW1A --owner cart-7
              holdfast route reserve 85123A=2 --to GB:SW1A --ttl 10m --key cart-7 --json
            """,
    )

    @OptionGroup var cart: CartOptions
    @Option(help: ArgumentHelp("How long, such as 90s, 15m or 2h. (default: 15m)"))
    var ttl: DurationArgument?
    @Option(help: "Whose it is, such as a cart.")
    var owner = ""
    @OptionGroup var key: KeyOption
    @OptionGroup var call: CallOptions

    func run() async throws {
        let key = key.keyOrNew
        var request = Holdfast_V1_ReserveAndRouteRequest()
        request.idempotencyKey = key
        request.cart = cart.request
        request.owner = owner
        if let ttl { request.ttl = wireDuration(ttl) }
        let wanted = request
        let answer: Holdfast_V1_RoutedReservation = try await ServerCalls.with(call) { server in
            try await server.call(.reservations, "ReserveAndRoute", wanted, key: key)
        }
        try printAnswer(answer, isJSON: call.json, key: key) { routedText(answer) }
    }
}
