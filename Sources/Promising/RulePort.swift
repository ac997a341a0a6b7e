// What changes of rule sets need from the database.

package import Base
package import Domain

/// A version of a rule set as it is stored.
package struct StoredRuleSet: Hashable, Sendable {
    package var rules: RuleSet
    /// Canonical JSON.
    package var document: String
    /// When it was put.
    package var at: Instant
    /// Channels that use it, each with its version where it is fixed, as in `web=3`; only of the latest
    /// version, where all are listed.
    package var channels: [String]

    package init(rules: RuleSet, document: String, at: Instant, channels: [String] = []) {
        self.rules = rules
        self.document = document
        self.at = at
        self.channels = channels
    }
}

/// A change of rule sets, as their history tells it.
package struct RuleChange: Hashable, Sendable {
    /// Counts them.
    package var number: Int64
    package var at: Instant
    /// The channel that chose; empty: a version was put.
    package var channel: String
    /// Empty: the channel has chosen the standard again.
    package var name: String
    /// Nil: the latest one.
    package var version: Int32?
    package var note: String
    package var origin: Origin

    package init(
        number: Int64,
        at: Instant,
        channel: String,
        name: String,
        version: Int32?,
        note: String,
        origin: Origin,
    ) {
        self.number = number
        self.at = at
        self.channel = channel
        self.name = name
        self.version = version
        self.note = note
        self.origin = origin
    }
}

/// How a change of rule sets ended.
package enum RuleOutcome: Sendable {
    /// The version that was put or chosen (nil: the latest), and whether that was a change.
    case done(version: Int32?, isChanged: Bool)
    /// Nothing was changed.
    case refused(Refusal)
}

/// Rule sets in the database, to be changed.
package protocol RulePort: SendableMetatype {
    /// Puts the next version of a rule set, unless its latest one has the same document.
    func put(
        _ header: CommandHeader,
        name: String,
        document: String,
        note: String,
    ) async throws(Failure) -> RuleOutcome

    /// Lets a channel use a rule set (nil: the standard), at a version (nil: always the latest).
    func assign(
        _ header: CommandHeader,
        channel: String,
        name: String?,
        version: Int32?,
        note: String,
    ) async throws(Failure) -> RuleOutcome

    /// A rule set at a version (nil: its latest one); nil when there is none.
    func ruleSet(name: String, version: Int32?) async throws(Failure) -> StoredRuleSet?

    /// The latest version of every rule set that was put, by name.
    func ruleSets() async throws(Failure) -> [StoredRuleSet]

    /// Up to `limit` changes before a number, newest first.
    func changes(before number: Int64, limit: Int) async throws(Failure) -> [RuleChange]
}
