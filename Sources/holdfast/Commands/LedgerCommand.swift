// `holdfast ledger`: whether the ledger is whole, and where its chain of seals ends.

internal import ArgumentParser
internal import Messages
internal import SwiftProtobuf

/// The commands about the ledger as a whole.
struct LedgerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ledger",
        abstract: "Checks the ledger, and tells the digest that stands for all of it.",
        discussion: """
            Servers seal what was committed: each seal has a digest over its rows and over the seal \
            before it. Whoever keeps a digest elsewhere can tell later whether anything up to there \
            was changed, even by somebody who may write everything in the database.

            EXAMPLES
              holdfast ledger head
              holdfast ledger verify
              holdfast ledger verify --json
            """,
        subcommands: [LedgerVerify.self, LedgerHeadCommand.self],
    )
}

/// Tells where the chain ends.
struct LedgerHeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "head",
        abstract: "Tells the newest seal, its digest, and what is not sealed yet.",
        discussion: """
            Keep the digest where nobody who can write to the database can write, and hand it to \
            `holdfast ledger verify --expect`.

            EXAMPLES
              holdfast ledger head
              holdfast ledger head --json
            """,
    )

    @OptionGroup var call: CallOptions

    func run() async throws {
        let head: Holdfast_V1_LedgerHead = try await ServerCalls.with(call) { server in
            try await server.call(
                .ledger,
                "GetLedgerHead",
                Holdfast_V1_GetLedgerHeadRequest()
            )
        }
        try printAnswer(head, isJSON: call.json) { ledgerHeadText(head) }
    }
}

/// The head of the chain for people.
func ledgerHeadText(_ head: Holdfast_V1_LedgerHead) -> String {
    fieldsText([
        ("seal", head.seal == 0 ? "none yet" : "\(head.seal)"),
        ("digest", head.digest),
        ("last batch", "\(head.batch)"),
        ("sealed", momentText(head.sealedAt)),
        ("not sealed yet", unsealedText(head)),
    ])
}

/// What is not sealed yet, for people.
func unsealedText(_ head: Holdfast_V1_LedgerHead) -> String {
    let since = momentText(head.unsealedSince)
    return counted(head.unsealedRows, "row") + (since.isEmpty ? "" : ", the oldest of \(since)")
}
