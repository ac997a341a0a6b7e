// What the use cases of routing need to know: the network and the rule sets, each at one version.
// Versions never change; whoever keeps a number can have what it named again.

package import Domain

/// What is current: two numbers that only grow.
package struct RoutingVersions: Hashable, Sendable {
    /// Of the network: counts changes of nodes, services, places and slots.
    ///
    /// 0: it is empty.
    package var network: Int64
    /// Counts changes of rule sets and of which channel uses which.
    ///
    /// 0: there are none.
    package var rules: Int64

    package init(network: Int64, rules: Int64) {
        self.network = network
        self.rules = rules
    }
}

/// Network and rule sets as they stood at one instant of Postgres.
package struct RoutingSnapshot: Sendable {
    package var versions: RoutingVersions
    package var network: Network
    /// The rule set of each channel that chose one.
    package var channels: [String: RuleSet]

    package init(versions: RoutingVersions, network: Network, channels: [String: RuleSet]) {
        self.versions = versions
        self.network = network
        self.channels = channels
    }

    /// The rule set that counts for a channel; `RuleSet.standard` when it chose none.
    package func rules(for channel: String) -> RuleSet {
        channels[channel] ?? .standard
    }
}

/// The network and the rule sets as the database has them.
package protocol NetworkPort: SendableMetatype {
    /// The current versions; one cheap statement, made to be asked often.
    func currentVersions() async throws(Failure) -> RoutingVersions

    /// The network at a version (nil: the current one), exactly as it was served then, slots
    /// included; version 0 is the empty network. Nil when there was never such a version.
    func network(version: Int64?) async throws(Failure) -> Network?

    /// A rule set at a version (nil: its latest one); nil when there is none. `standard` is built in,
    /// with its one version.
    func ruleSet(name: String, version: Int32?) async throws(Failure) -> RuleSet?

    /// The rule set that counts for a channel now; `RuleSet.standard` when it chose none.
    func ruleSet(channel: String) async throws(Failure) -> RuleSet

    /// All that planning needs, of one instant.
    func routingSnapshot() async throws(Failure) -> RoutingSnapshot
}
