// The naive design on Postgres, played by a program of its own in a database of its own.

/// Drives `naive_peer`.
package struct NaivePeer: Sendable {
    var program: String
    var postgres: String
    var options: CompareOptions
    /// How many clients served it best.
    package private(set) var clients = 0

    package init(program: String, postgres: String, options: CompareOptions) {
        self.program = program
        self.postgres = postgres
        self.options = options
    }

    private var isSoldOut: Bool { options.scenario == .soldout }

    /// Makes the database anew.
    package func setUp() async throws(CompareFailure) {
        let stock = isSoldOut ? ["--stock", "0"] : []
        try await command(["setup", "--skus", "\(options.scenario.skus)"] + stock)
    }

    /// Removes the database.
    package func tearDown() async throws(CompareFailure) {
        try await command(["drop"])
    }

    /// Finds the number of clients that serves it best.
    package mutating func findClients(
        _ watch: @Sendable (String) -> Void,
    ) async throws(CompareFailure) {
        var best = 0.0
        for count in options.clientsTried {
            let answer = try await play(clients: count, seconds: options.trySeconds, warmup: 0.3)
            let rate = isSoldOut ? answer.refusedPerSecond : answer.acceptedPerSecond
            watch("naive peer with \(count) clients: \(Int(rate))/s")
            if rate > best {
                best = rate
                clients = count
            }
        }
        guard clients > 0 else {
            throw CompareFailure(
                description: "the naive peer did nothing with any number of clients"
            )
        }
    }

    /// A turn with the clients that were found.
    package func turn() async throws(CompareFailure) -> TurnFigures {
        try await play(
            clients: clients,
            seconds: options.seconds,
            warmup: options.warmupSeconds,
        )
        .figures
    }

    private func play(
        clients: Int,
        seconds: Double,
        warmup: Double,
    ) async throws(CompareFailure) -> NaiveAnswer {
        let finished = try await ChildProcess.run(
            program,
            [
                "run", "--postgres", postgres, "--mode", isSoldOut ? "soldout" : "reserve",
                "--skus", "\(options.scenario.skus)", "--clients", "\(clients)",
                "--seconds", "\(seconds)", "--warmup", "\(warmup)",
                "--durable", options.mustBeDurable ? "yes" : "no",
            ],
            timeoutSeconds: seconds + warmup + 60,
        )
        // 1 with an answer is a verdict, which the answer has in words.
        guard finished.status == 0 || !finished.output.isEmpty else {
            throw CompareFailure(description: "the naive peer failed: \(finished.errors)")
        }
        return try NaiveAnswer(json: finished.output)
    }

    private func command(_ arguments: [String]) async throws(CompareFailure) {
        let finished = try await ChildProcess.run(
            program,
            arguments + ["--postgres", postgres],
            timeoutSeconds: 60,
        )
        guard finished.status == 0 else {
            throw CompareFailure(description: "the naive peer failed: \(finished.errors)")
        }
    }
}
