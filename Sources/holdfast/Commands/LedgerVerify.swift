// `holdfast ledger verify`: checks everything that the ledger says of itself.

internal import ArgumentParser
internal import Foundation
internal import Messages
internal import SwiftProtobuf

/// Checks the ledger.
struct LedgerVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks the chain of seals, every balance and every reservation.",
        discussion: """
            Three things are checked: that every sealed row still has the content that was sealed, \
            that every position is the fold of its ledger with no version missing, and that every \
            reservation is what its events made of it. Servers go on serving meanwhile. What is \
            not sealed yet is told; it is not covered by the chain.

            Somebody who may write everything could make a new chain over a changed ledger. A \
            digest that was kept elsewhere (`holdfast ledger head`) tells: --expect demands that \
            the chain still has it.

            The exit status is 0 only when all is well; 8 when something is wrong.

            EXAMPLES
              holdfast ledger verify
              holdfast ledger verify --json \\
              --expect 8b1c9f0e5a7d42c3b6e8019a4f5d7c2e8b1c9f0e5a7d42c3b6e8019a4f5d7ce0
            """,
    )

    @Option(help: ArgumentHelp("A digest that the chain must have.", valueName: "digest"))
    var expect: String?
    @OptionGroup var call: CallOptions

    func validate() throws {
        if let expect, expect.count != 64 || !expect.allSatisfy(\.isHexDigit) {
            throw ValidationError("--expect takes 64 hexadecimal digits")
        }
    }

    func run() async throws {
        let report = try await ServerCalls.with(call) { try await check($0) }
        if call.json {
            Terminal.writeLine(JSONText.encoded(report))
        } else {
            Terminal.write(report.text)
        }
        if !report.isWhole { endProcess(CommandStatus.unsound.rawValue) }
    }

    /// Calls until everything was looked at.
    private func check(_ server: ServerCalls) async throws -> VerifyReport {
        let head: Holdfast_V1_LedgerHead =
            try await server.call(.ledger, "GetLedgerHead", Holdfast_V1_GetLedgerHeadRequest())
        var report = VerifyReport(head, expected: expect?.lowercased())
        var request = Holdfast_V1_VerifyLedgerRequest()
        request.expectDigest = report.expected ?? ""
        let progress = Progress("checking seals", total: Int(head.seal))
        repeat {
            let answer: Holdfast_V1_VerifyLedgerResponse =
                try await server.call(.ledger, "VerifyLedger", request)
            report.add(answer)
            request.pageToken = answer.nextPageToken
            if answer.part == .seals {
                progress.update(Int(report.seals))
            } else if Terminal.isWatched {
                Terminal.note(
                    "\rchecking \(counted(report.positions, "position")), "
                        + counted(report.reservations, "reservation")
                )
            }
        } while !request.pageToken.isEmpty
        if Terminal.isWatched { Terminal.note("\r\u{1b}[K") }
        return report
    }
}

/// What a check found.
struct VerifyReport: Encodable {
    /// One thing that is wrong.
    struct Finding: Encodable, Equatable {
        var fault: String
        var seal: Int64
        var batch: Int64
        var place: String
        var detail: String
    }

    /// The newest seal that was checked, and its digest at the beginning of the check.
    var seal: Int64
    var digest: String
    var seals: Int64 = 0
    var positions: Int64 = 0
    var reservations: Int64 = 0
    /// Rows that were read.
    var rows: Int64 = 0
    var unsealedRows: Int64
    /// The digest that was asked for, and the seal that has it; 0: none.
    var expected: String?
    var expectedSeal: Int64 = 0
    var findings: [Finding] = []
    /// What was wrong and is written back.
    var repaired: [Finding] = []
    var isWhole = true
    private let unsealed: String

    private enum CodingKeys: CodingKey {
        case seal, digest, seals, positions, reservations, rows, unsealedRows, expected
        case expectedSeal, findings, repaired, isWhole
    }

    init(_ head: Holdfast_V1_LedgerHead, expected: String?) {
        seal = head.seal
        digest = head.digest
        unsealedRows = head.unsealedRows
        unsealed = unsealedText(head)
        self.expected = expected
        isWhole = expected == nil
    }

    /// Adds what one call found.
    mutating func add(_ answer: Holdfast_V1_VerifyLedgerResponse) {
        switch answer.part {
        case .seals: seals += answer.checked
        case .positions: positions += answer.checked
        case .reservations: reservations += answer.checked
        case .unspecified, .UNRECOGNIZED: break
        }
        rows += answer.rows
        if answer.expectedSeal > 0 { expectedSeal = answer.expectedSeal }
        findings += answer.findings.map { Finding($0) }
        repaired += answer.repaired.map { Finding($0) }
        isWhole = findings.isEmpty && (expected == nil || expectedSeal > 0)
    }

    /// For people.
    var text: String {
        var fields = [
            ("seals", seal == 0 ? "none yet" : "\(seals) checked, up to number \(seal)"),
            ("digest", digest),
            ("positions", "\(positions) checked"),
            ("reservations", "\(reservations) checked"),
            ("rows read", "\(rows)"),
            ("not sealed yet", unsealed),
        ]
        if expected != nil {
            fields.append(
                (
                    "expected digest",
                    expectedSeal > 0 ? "is that of seal \(expectedSeal)" : "IS NOT IN THE CHAIN"
                )
            )
        }
        fields.append(
            (
                "verdict",
                isWhole
                    ? "the ledger is whole"
                    : findings.isEmpty
                        ? "the ledger is not the one that the digest was taken of"
                        : "\(counted(findings.count, "thing")) wrong"
            )
        )
        if !repaired.isEmpty {
            let positions = counted(repaired.count, "position")
            fields.insert(("written back", "\(positions), see above"), at: 5)
        }
        if findings.isEmpty, repaired.isEmpty { return fieldsText(fields) }
        var table = Table([
            .text("FAULT"), .number("SEAL"), .number("BATCH"), .text("PLACE"), .text("DETAIL"),
        ])
        for (finding, isRepaired) in findings.map({ ($0, false) }) + repaired.map({ ($0, true) }) {
            table.add([
                isRepaired ? "REPAIRED" : finding.fault, finding.seal == 0 ? "" : "\(finding.seal)",
                finding.batch == 0 ? "" : "\(finding.batch)", finding.place, finding.detail,
            ])
        }
        return table.text + "\n" + fieldsText(fields)
    }
}

extension VerifyReport.Finding {
    fileprivate init(_ finding: Holdfast_V1_LedgerFinding) {
        self.init(
            fault: caseName(finding.fault),
            seal: finding.seal,
            batch: finding.batch,
            place: finding.place,
            detail: finding.detail,
        )
    }
}
