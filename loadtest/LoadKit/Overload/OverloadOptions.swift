// What an overload run is told, and what is wrong with it.

/// How to overload a server.
package struct OverloadOptions: Hashable, Sendable {
    package var host = "127.0.0.1"
    package var port = 50_051
    /// Names the run in its SKUs, its node and its keys; 1 to 32 letters, digits, `-` or `_`.
    package var run: String
    package var connections = 8
    /// Callers of the closed loop that finds the capacity, each with one call at a time.
    package var callers = 128
    /// How long the capacity is looked for, and how long each level lasts, in seconds.
    package var capacitySeconds = 5
    package var levelSeconds = 5
    /// What is offered, as multiples of the capacity.
    package var multiples: [Double] = [1, 2, 5]
    /// What every call may take from the moment that it was meant to be made, in milliseconds.
    package var deadlineMilliseconds: Int64 = 1_000
    package var skus = 64
    /// Only Reserve: calls that cost alike, so that calls per second compare across levels.
    package var isReserveOnly = false
    /// More is never offered, in calls per second, whatever the capacity.
    package var ratePerSecondMax = 200_000
    /// Calls that may be open at once; one that would be more is not made and counts as an error.
    package var openMax = 250_000

    package init(run: String) {
        self.run = run
    }

    /// What is wrong with the options, or nil.
    package var problem: String? {
        let isPlain = run.utf8.allSatisfy { byte in
            let letter = Character(UnicodeScalar(byte))
            return byte < 128 && (letter.isLetter || letter.isNumber || "-_".contains(letter))
        }
        guard (1...32).contains(run.utf8.count), isPlain else {
            return "a run is named with 1 to 32 letters, digits, '-' or '_', not '\(run)'"
        }
        guard (1...64).contains(connections) else { return "connections: 1 to 64" }
        guard (1...4_096).contains(callers) else { return "callers: 1 to 4096" }
        guard (1...60).contains(capacitySeconds) else { return "capacity: 1 to 60 seconds" }
        guard (1...60).contains(levelSeconds) else { return "level: 1 to 60 seconds" }
        guard (1...8).contains(multiples.count), multiples.allSatisfy({ $0 > 0 && $0 <= 20 })
        else { return "multiples: 1 to 8 numbers, more than 0 and 20 at most" }
        guard (1...30_000).contains(deadlineMilliseconds) else {
            return "deadline: 1 to 30000 milliseconds"
        }
        guard (1...100).contains(skus) else { return "skus: 1 to 100" }
        guard (1...1_000_000).contains(ratePerSecondMax) else { return "rate: 1 to 1000000" }
        guard (1...500_000).contains(openMax) else { return "open calls: 1 to 500000" }
        return nil
    }
}

/// Why an overload run could not be finished.
package struct OverloadFailure: Error, Hashable, CustomStringConvertible {
    package var description: String

    package init(description: String) {
        self.description = description
    }
}
