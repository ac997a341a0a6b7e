// Where questions are planned: the snapshot of network and rules that counts, laid out for the planner
// once for all loops, and the search itself, which leaves the loop when it takes long.

internal import Base
package import Domain
package import Routing
private import Synchronization

/// What a question is planned on.
package struct RouteContext: Sendable {
    package var index: RoutingIndex
    package var rules: RoutingRules

    package var network: Network { index.network }

    package init(index: RoutingIndex, rules: RoutingRules) {
        self.index = index
        self.rules = rules
    }
}

/// Plans for all loops of a process; any thread may use it.
package final class RouteDesk: Sendable {
    /// Versions that are kept laid out.
    private static let networksMax = 8
    private static let rulesMax = 64
    /// Steps that a search may take on a loop, where everybody else waits for it: less than a
    /// millisecond.
    private static let loopSteps = 20_000

    private struct RulesName: Hashable {
        let rules: RuleSetName
        let network: Int64
    }

    private struct LaidOut {
        var indices: [Int64: RoutingIndex] = [:]
        var rules: [RulesName: RoutingRules] = [:]
    }

    package let data: RoutingData
    private let laidOut = Mutex(LaidOut())

    package init(data: RoutingData) {
        self.data = data
    }

    // MARK: Contexts

    /// The current network with the rules that count for a channel, or with those named.
    package func context(
        channel: String,
        rules named: RuleSet?,
    ) throws(Failure) -> RouteContext {
        let snapshot = try data.snapshot()
        return context(snapshot.network, named ?? snapshot.rules(for: channel))
    }

    /// A network with a rule set; both are at versions that never change.
    package func context(_ network: Network, _ rules: RuleSet) -> RouteContext {
        let index = index(network)
        let name = RulesName(rules: rules.fullName, network: network.version)
        if let known = laidOut.withLock({ $0.rules[name] }) {
            return RouteContext(index: index, rules: known)
        }
        let made = RoutingRules(rules, for: index)
        laidOut.withLock { laidOut in
            if laidOut.rules.count >= Self.rulesMax { laidOut.rules.removeAll() }
            laidOut.rules[name] = made
        }
        return RouteContext(index: index, rules: made)
    }

    /// A network laid out.
    package func index(_ network: Network) -> RoutingIndex {
        if let known = laidOut.withLock({ $0.indices[network.version] }) { return known }
        let made = RoutingIndex(network)
        laidOut.withLock { laidOut in
            if laidOut.indices.count >= Self.networksMax { laidOut.indices.removeAll() }
            laidOut.indices[network.version] = made
        }
        return made
    }

    /// A network that was laid out before; nil when it is not kept.
    package func keptNetwork(_ version: Int64) -> Network? {
        laidOut.withLock { $0.indices[version]?.network }
    }

    // MARK: Planning

    /// Plans within the time of the task.
    ///
    /// What is not decided in a moment goes on elsewhere, so that the loop is free meanwhile.
    package func plan(
        _ question: RouteQuestion,
        _ context: RouteContext,
        _ view: RouteView,
        plansMax: Int = 1,
    ) async -> RouteAnswer {
        let quick = RoutePlanner.plan(
            question: question,
            index: context.index,
            rules: context.rules,
            view: view,
            budget: SearchBudget(steps: Self.loopSteps),
            plansMax: plansMax,
        )
        if quick.isOptimal { return quick }
        let now = Deadline.now
        // A part of the time is for what comes after the plan.
        let left = Deadline.current.milliseconds(from: now)
        let end = Deadline.current == .never ? now : now.advanced(milliseconds: left / 2)
        let budget =
            Deadline.current == .never ? .ordinary : SearchBudget(until: end, at: now)
        if budget.steps <= Self.loopSteps { return quick }
        return await elsewhere {
            RoutePlanner.plan(
                question: question,
                index: context.index,
                rules: context.rules,
                view: view,
                budget: budget,
                plansMax: plansMax,
            )
        }
    }
}

/// Runs work that takes its time away from the loop of the caller.
package func elsewhere<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    let value = await withTaskExecutorPreference(globalConcurrentExecutor) {
        // The preference counts from the next suspension on, in both directions.
        await Task.yield()
        return body()
    }
    await Task.yield()
    return value
}
