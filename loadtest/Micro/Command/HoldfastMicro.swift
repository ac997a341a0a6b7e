// `holdfast-micro`: what the parts of a request's way cost by themselves, in time and in allocations.
// Only pure code is measured: no socket, no server, no other thread.

internal import ArgumentParser
internal import Foundation

@main
struct HoldfastMicro: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holdfast-micro",
        abstract: "Measures the parts of a request's way that are pure code.",
        discussion: """
            One thread, no server. Each part is run in samples of some milliseconds; the table has the \
            best sample and the middle of all, for one operation as the column says. Allocations are \
            counted, not estimated: they are the same on every machine. Build it with -c release. Ends \
            with 0 when done, 1 when no part has such a name, 64 when the flags are wrong.

            EXAMPLES
              holdfast-micro
              holdfast-micro --filter digest --json
            """,
    )

    @Option(help: "Only parts whose name contains this.")
    var filter = ""

    @Option(help: "Samples of each part.")
    var samples = 25

    @Flag(help: "The figures as JSON.")
    var json = false

    func validate() throws {
        guard (1...1_000).contains(samples) else {
            throw ValidationError("--samples takes 1 to 1000")
        }
    }

    func run() throws {
        let parts = Part.all.filter { filter.isEmpty || $0.name.contains(filter) }
        guard !parts.isEmpty else {
            FileHandle.standardError.write(
                Data("holdfast-micro: no part is named like '\(filter)'\n".utf8)
            )
            throw ExitCode(1)
        }
        let figures = parts.map { part in Measure.figures(of: part, samples: samples) }
        print(json ? try Self.json(figures) : Self.table(figures))
    }

    private static func json(_ figures: [PartFigures]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(figures), as: UTF8.self)
    }

    private static func table(_ figures: [PartFigures]) -> String {
        let rows =
            [["part", "one operation", "ns best", "ns middle", "allocations"]]
            + figures.map { part in
                [
                    part.name, part.operation, String(format: "%.1f", part.nanosecondsBest),
                    String(format: "%.1f", part.nanosecondsMedian),
                    String(format: "%.2f", part.allocations),
                ]
            }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return
            rows.map { row in
                zip(row, widths).enumerated()
                    .map { index, cell in
                        let space = String(repeating: " ", count: cell.1 - cell.0.count)
                        return index < 2 ? cell.0 + space : space + cell.0
                    }
                    .joined(separator: "  ")
            }
            .joined(separator: "\n")
    }
}
