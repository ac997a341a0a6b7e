// What a comparison is told, and what is wrong with it.

/// What is compared, and with whom.
package enum CompareScenario: String, CaseIterable, Hashable, Sendable {
    case flash
    case wide
    case soldout
    case rpc

    /// The name of what the ratio is made of.
    package var ratioOf: String {
        switch self {
        case .flash, .wide: "accepted/s, ours over the peer's"
        case .soldout: "refused/s, ours over the peer's"
        case .rpc: "server CPU for a request, the peer's over ours"
        }
    }

    var skus: Int { self == .wide ? 10_000 : 1 }
}

/// How to compare.
package struct CompareOptions: Hashable, Sendable {
    package var scenario: CompareScenario
    package var rounds = 3
    /// How long each turn is measured, and what comes before it, in seconds.
    package var seconds = 5.0
    package var warmupSeconds = 1.0
    /// What the peer is tried with before the first turn; the best is kept.
    package var clientsTried = [1, 2, 4, 8, 16, 32]
    package var trySeconds = 1.0
    /// Where the peers of `rpc` listen on 127.0.0.1; the next port is the floor's.
    package var peerPort = 50_151
    /// The folder of the programs that `loadtest/peers/build` makes.
    package var peersFolder = PeerPrograms.defaultFolder
    /// False where a Postgres will do that may forget what it confirmed, which only tests have.
    package var mustBeDurable = true

    package init(scenario: CompareScenario) {
        self.scenario = scenario
    }

    /// What is wrong with the options, or nil.
    package var problem: String? {
        guard (1...100).contains(rounds) else { return "rounds: 1 to 100" }
        guard (0.5...600).contains(seconds) else { return "seconds: 0.5 to 600" }
        guard (0...60).contains(warmupSeconds) else { return "warm-up: 0 to 60 seconds" }
        guard (1...8).contains(clientsTried.count),
            clientsTried.allSatisfy({ (1...90).contains($0) })
        else { return "clients: 1 to 8 numbers from 1 to 90" }
        guard (0.2...60).contains(trySeconds) else { return "try: 0.2 to 60 seconds" }
        guard (1...65_534).contains(peerPort) else { return "peer port: 1 to 65534" }
        return nil
    }
}

/// Why a comparison could not be made.
package struct CompareFailure: Error, Hashable, CustomStringConvertible {
    package var description: String

    package init(description: String) {
        self.description = description
    }
}
