// A comparison from end to end: the peers are found and prepared, then both sides take turns, so that
// whatever else the machine does falls on both.

internal import Foundation

package enum Compare {
    /// Between two turns: what one side left to do is not to fall on the other.
    private static let pauseSeconds = 0.5

    /// Compares Holdfast with the peers of a scenario.
    ///
    /// - Parameters:
    ///   - bench: how to ask Holdfast, and where it is; its scenario, times and run are ours to set.
    ///   - say: hears what is being done, and loudly when a peer is left out.
    /// - Throws: `CompareFailure` when it could not be made; bad books are no failure, the report
    ///   says so.
    package static func run(
        _ options: CompareOptions,
        bench: BenchOptions,
        say: @escaping @Sendable (String) -> Void = { _ in },
    ) async throws(CompareFailure) -> CompareReport {
        if let problem = options.problem { throw CompareFailure(description: problem) }
        let programs = PeerPrograms(folder: options.peersFolder)
        let built = try await programs.build()
        if !built.isEmpty { say(built) }
        var report = CompareReport(scenario: options.scenario)
        report.seconds = options.seconds
        report.callers = bench.callers
        let turns = Turns(options: options, bench: bench, programs: programs, say: say)
        switch options.scenario {
        case .flash, .wide, .soldout: try await turns.withNaivePeer(&report)
        case .rpc: try await turns.withServers(&report)
        }
        return report
    }

    /// What the turns of a comparison share.
    private struct Turns {
        var options: CompareOptions
        var bench: BenchOptions
        var programs: PeerPrograms
        var say: @Sendable (String) -> Void

        // MARK: The naive peer

        func withNaivePeer(_ report: inout CompareReport) async throws(CompareFailure) {
            var side = ComparedSide(
                "naive",
                what: options.scenario == .soldout
                    ? "one UPDATE for each request on the same Postgres"
                    : "one transaction for each request on the same Postgres",
                generator: "itself",
            )
            guard let program = programs.find(.naive) else {
                report.peers = [skipped(side, [.naive])]
                return
            }
            guard let postgres = bench.postgres else {
                throw CompareFailure(
                    description: "the naive peer needs a Postgres: give --postgres or"
                        + " HOLDFAST_POSTGRES"
                )
            }
            var peer = NaivePeer(program: program, postgres: postgres, options: options)
            try await peer.setUp()
            let outcome: Result<Void, CompareFailure>
            do throws(CompareFailure) {
                try await peer.findClients(say)
                side.clients = peer.clients
                for round in 1...options.rounds {
                    report.ours.turns.append(try await ours(round))
                    say("turn \(round) of \(options.rounds): naive, \(peer.clients) clients")
                    side.turns.append(try await peer.turn())
                }
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            report.peers = [side]
            // What went wrong before says more than what goes wrong now.
            if case .failure = outcome {
                try? await peer.tearDown()
            } else {
                try await peer.tearDown()
            }
            try outcome.get()
        }

        // MARK: Servers

        func withServers(_ report: inout CompareReport) async throws(CompareFailure) {
            var rival = ComparedSide(
                "grpc-c++",
                what: "C++ gRPC, callback API, the same health check",
                generator: "holdfast-load",
            )
            var floor = ComparedSide(
                "nghttpd",
                what: "nghttpd serving a file of a few bytes",
                generator: "h2load",
            )
            floor.isFloor = true
            var server: GRPCPeer?
            var files: StaticFloor?
            let outcome: Result<Void, CompareFailure>
            do throws(CompareFailure) {
                if let program = programs.find(.grpc) {
                    server = try await GRPCPeer.start(program, port: options.peerPort)
                } else {
                    rival = skipped(rival, [.grpc])
                }
                if let nghttpd = programs.find(.nghttpd), let h2load = programs.find(.h2load) {
                    files = try await StaticFloor.start(
                        nghttpd: nghttpd,
                        h2load: h2load,
                        port: options.peerPort + 1,
                    )
                } else {
                    floor = skipped(floor, [.nghttpd, .h2load].filter { programs.find($0) == nil })
                }
                if server != nil || files != nil {
                    for round in 1...options.rounds {
                        report.ours.turns.append(try await ours(round))
                        if let server { rival.turns.append(try await turn(round, of: server)) }
                        if let files { floor.turns.append(try await turn(round, of: files)) }
                    }
                }
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            await server?.server.stop()
            await files?.stop()
            report.peers = [rival, floor]
            try outcome.get()
        }

        private func turn(
            _ round: Int,
            of peer: GRPCPeer,
        ) async throws(CompareFailure) -> TurnFigures {
            await pause()
            say("turn \(round) of \(options.rounds): C++ gRPC")
            var bench = bench
            bench.host = "127.0.0.1"
            bench.port = peer.port
            bench.serverPID = peer.server.identifier
            return try await figures(bench, run: "grpc\(round)")
        }

        private func turn(
            _ round: Int,
            of floor: StaticFloor,
        ) async throws(CompareFailure) -> TurnFigures {
            await pause()
            say("turn \(round) of \(options.rounds): nghttpd")
            return try await floor.turn(
                connections: bench.connections,
                streams: bench.streams,
                seconds: options.seconds,
            )
        }

        // MARK: Ours

        private func ours(_ round: Int) async throws(CompareFailure) -> TurnFigures {
            await pause()
            say("turn \(round) of \(options.rounds): holdfast")
            return try await figures(bench, run: "\(bench.run)-\(round)")
        }

        /// A run of our generator, as the figures of a turn.
        private func figures(
            _ bench: BenchOptions,
            run: String,
        ) async throws(CompareFailure) -> TurnFigures {
            var bench = bench
            bench.scenario =
                switch options.scenario {
                case .flash: .flash
                case .wide: .wide
                case .soldout: .soldout
                case .rpc: .rpc
                }
            bench.run = run
            bench.seconds = options.seconds
            bench.warmupSeconds = options.warmupSeconds
            do {
                return TurnFigures(try await Bench.run(bench, say: { _ in }))
            } catch {
                throw CompareFailure(description: "\(error)")
            }
        }

        private func pause() async {
            try? await Task.sleep(for: .seconds(Compare.pauseSeconds))
        }

        /// A side that cannot be measured, which nobody shall overlook.
        private func skipped(_ side: ComparedSide, _ missing: [PeerProgram]) -> ComparedSide {
            var side = side
            side.skipped = missing.map(\.skipped).joined(separator: "; ")
            say("WARNING: \(side.name) \(side.skipped ?? "")")
            return side
        }
    }
}

extension TurnFigures {
    /// What a run of our generator came to.
    package init(_ report: BenchReport) {
        self.init()
        acceptedPerSecond = report.acceptedPerSecond
        refusedPerSecond = report.refusedPerSecond
        let latencies: [String: Int?] = [
            "p50": report.latency.p50, "p90": report.latency.p90, "p99": report.latency.p99,
            "p99_9": report.latency.p999, "max": report.latency.max,
        ]
        for (name, microseconds) in latencies {
            latencyMicroseconds[name] = microseconds.map(Double.init)
        }
        for (name, value) in report.cpu.entries {
            // The transport alone asks neither of the databases.
            if report.scenario == .rpc, name == "redis" || name == "postgres" { continue }
            cpuMicroseconds[name] = .some(value)
        }
        faults = report.faults
    }
}
