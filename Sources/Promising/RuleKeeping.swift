// The use cases that change rule sets: a document is held against the network, then it becomes the next
// version; nothing is edited.

package import Base
package import Domain

/// What became of a rule set's document.
package enum RuleSetPut: Sendable {
    /// It has this version, which is new if it was a change.
    case done(name: String, version: Int32, isChanged: Bool, warnings: [DocumentFault])
    /// Something is wrong with it; nothing was changed.
    case invalid([DocumentFault])
    case refused(Refusal)
}

/// Changes of rule sets on one event loop.
package struct RuleKeeping<Rules: RulePort> {
    /// Where rule sets are stored, and read from.
    package let ledger: Rules
    /// The network that rules are held against.
    private let data: RoutingData

    package init(ledger: Rules, data: RoutingData) {
        self.ledger = ledger
        self.data = data
    }

    /// What is wrong with a document, warnings included.
    package func check(_ file: DocumentFile) throws(Failure) -> RuleSetDraft {
        RuleSetReader.read(file, network: try data.snapshot().network)
    }

    /// Puts the next version of the rule set that the document names.
    package func put(
        _ file: DocumentFile,
        _ header: CommandHeader,
        note: String,
    ) async throws(Failure) -> RuleSetPut {
        let draft = try check(file)
        if draft.faults.contains(where: { !$0.isWarning }) { return .invalid(draft.faults) }
        let name = draft.rules.name
        let outcome = try await ledger.put(
            header,
            name: name,
            document: draft.rules.document,
            note: note,
        )
        switch outcome {
        case .refused(let refusal): return .refused(refusal)
        case .done(let version, let isChanged):
            guard let version else { throw .broken("rule set \(name) was put without a version") }
            return .done(
                name: name,
                version: version,
                isChanged: isChanged,
                warnings: draft.faults,
            )
        }
    }

    /// Lets a channel use a rule set (nil: the standard), at a version (nil: always the latest).
    package func assign(
        _ header: CommandHeader,
        channel: String,
        name: String?,
        version: Int32?,
        note: String,
    ) async throws(Failure) -> RuleOutcome {
        let wanted = name == RuleSet.standard.name ? nil : name
        return try await ledger.assign(
            header,
            channel: channel,
            name: wanted,
            version: wanted == nil ? nil : version,
            note: note,
        )
    }
}

extension RuleKeeping: Sendable where Rules: Sendable {}
