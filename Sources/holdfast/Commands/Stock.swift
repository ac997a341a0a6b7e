// `holdfast stock`: what is where, and how it is changed by hand.

internal import ArgumentParser

/// The commands about stock.
struct Stock: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows and changes stock.",
        discussion: """
            Lines are written SKU@NODE=QTY; a SKU with spaces is quoted for the shell.

            EXAMPLES
              holdfast stock receive 85123A@LDN-DC=120 'BANK CHARGES@LDN-DC=1'
              holdfast stock show 85123A
              holdfast stock watch 85123A@LDN-DC
              holdfast stock import deliveries.csv --dry-run
            """,
        subcommands: [
            StockReceive.self, StockAdjust.self, StockShow.self, StockImport.self,
            StockTransfer.self, StockSafety.self, StockLedger.self, StockAsOf.self,
            StockWatch.self,
        ],
    )
}
