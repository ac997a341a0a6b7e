// The command line of the load tools.

internal import ArgumentParser

@main
struct HoldfastLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holdfast-load",
        abstract: "Plays real and made-up load against a Holdfast server.",
        subcommands: [
            BenchCommand.self, CompareCommand.self, ReplayCommand.self, CatalogueCommand.self,
            OverloadCommand.self, JudgeCommand.self,
        ],
    )
}
