// `holdfast stock import`: a file of stock, checked whole and received in parts.

internal import ArgumentParser
internal import Base
internal import Foundation
internal import Messages

/// Receives the stock that a file lists.
struct StockImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Receives the stock that a CSV file lists.",
        discussion: """
            The header names the columns, in any order: sku, node, quantity and, if units are to \
            be withheld, safety; others are passed over. The whole file is checked before \
            anything is sent. Importing the same file again changes nothing; after a failure, \
            import it again to complete it.

            EXAMPLES
              holdfast stock import stock.csv --dry-run
              holdfast stock import stock.csv
              holdfast stock import stock.csv --node LDN-DC --json
            """,
    )

    /// Problems shown of a file that is refused.
    private static let problemsShownMax = 20

    @Argument(help: "The file, in UTF-8.", completion: .file(extensions: ["csv"]))
    var file: String
    @Option(help: "The node of all rows, when the file has no such column.")
    var node: String?
    @Flag(help: "Check the file and send nothing.")
    var dryRun = false
    @Option(help: "Requests at once, 1 to 64.")
    var parallel = 4
    @OptionGroup var call: CallOptions

    func validate() throws {
        guard (1...64).contains(parallel) else { throw ValidationError("--parallel takes 1 to 64") }
    }

    func run() async throws {
        let stock = try readFile()
        var summary = Summary(stock)
        if dryRun {
            print(summary, verb: "would receive")
            return
        }
        let outcome = try await ServerCalls.with(call) { server in
            try await ImportRun(server: server, stock: stock, file: file, parallel: parallel).run()
        }
        summary.unitsReceived = outcome.units
        summary.rowsReceived = outcome.rows
        summary.safetySet = outcome.safetySet
        if var error = outcome.firstError {
            error.message =
                "\(outcome.failures) of \(outcome.requests) requests failed, "
                + "\(outcome.rows) rows are in; the first: \(error.message)"
            error.hint = "import the same file again: what is in is not counted twice"
            throw error
        }
        print(summary, verb: "received")
    }

    private func readFile() throws -> StockFile {
        let bytes: [UInt8]
        do {
            bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
        } catch {
            let why = (error as NSError).localizedDescription
            throw CommandError(.invalid, "cannot read \(file): \(why)")
        }
        do {
            return try StockFile(bytes, defaultNode: node)
        } catch {
            var refusal = CommandError(
                .invalid,
                "\(file): \(counted(error.problems.count, "problem")); nothing was sent",
            )
            refusal.violations = error.problems.prefix(Self.problemsShownMax)
                .map { .init(field: "line \($0.line)", description: $0.why) }
            let more = error.problems.count - Self.problemsShownMax
            if more > 0 { refusal.hint = "\(more) more are not shown" }
            throw refusal
        }
    }

    /// What a file brings.
    struct Summary: Encodable {
        var rowsReceived: Int
        var unitsReceived: Int64
        var rowsWithoutUnits: Int
        var safetySet: Int
        var idempotencyKeyPrefix: String

        init(_ stock: StockFile) {
            rowsWithoutUnits = stock.rows.count { $0.quantity == 0 }
            rowsReceived = stock.rows.count - rowsWithoutUnits
            unitsReceived = stock.rows.reduce(0) { $0 + $1.quantity }
            safetySet = stock.safetySettings.count
            idempotencyKeyPrefix = "import:\(stock.digest)"
        }
    }

    private func print(_ summary: Summary, verb: String) {
        if call.json {
            Terminal.writeLine(JSONText.encoded(summary))
            return
        }
        let units = counted(summary.unitsReceived, "unit")
        var text = "\(verb) \(units) in \(counted(summary.rowsReceived, "row"))"
        if summary.safetySet > 0 {
            text += ", \(counted(summary.safetySet, "safety figure"))"
        }
        if summary.rowsWithoutUnits > 0 {
            text += "; \(counted(summary.rowsWithoutUnits, "row")) without units"
        }
        Terminal.writeLine(text)
    }
}
