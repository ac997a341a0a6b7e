// `holdfast-load catalogue`: the opening stock that a file needs, for `holdfast stock import`.

internal import ArgumentParser
internal import Foundation
internal import LoadKit

struct CatalogueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catalogue",
        abstract: "Prints the opening stock of a sales file as CSV: sku,node,quantity,name.",
    )

    @Argument(help: "The sales file, .csv or .csv.gz.")
    var file: String

    @Option(
        name: .customLong("run"),
        help: "Names the nodes of that run instead of the plain ones."
    )
    var runName = ""

    @Option(help: "Percent of the stock that suffices.")
    var scarce = 100

    @Option(help: "Only so many invoices.")
    var limit: Int?

    func validate() throws {
        guard (0...100).contains(scarce) else {
            throw ValidationError("--scarce takes 0 to 100 percent")
        }
    }

    func run() throws {
        let sales = try SalesFile.load(file, invoicesMax: limit)
        let lines = OpeningStock.derive(
            from: sales.sales,
            nodes: Nodes(run: runName),
            percent: scarce,
        )
        FileHandle.standardOutput.write(Data(OpeningStock.csv(lines).utf8))
        for row in sales.malformed {
            FileHandle.standardError.write(Data("line \(row.line): \(row.problem)\n".utf8))
        }
    }
}
