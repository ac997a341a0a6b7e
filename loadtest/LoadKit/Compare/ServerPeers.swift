// The peers of `rpc`: servers of their own on a port of their own, one after the other.

internal import Foundation

/// A C++ gRPC server, asked by our own generator.
struct GRPCPeer: Sendable {
    var server: ChildProcess
    var port: Int

    /// Starts it and waits until it listens.
    static func start(_ program: String, port: Int) async throws(CompareFailure) -> GRPCPeer {
        try requireFree(port)
        let server = try ChildProcess(program, ["--port", "\(port)"])
        guard await appears(within: 10, server, { server.output.contains("ready") }) else {
            let errors = server.errors
            await server.stop()
            throw CompareFailure(description: "the gRPC peer does not start: \(errors)")
        }
        return GRPCPeer(server: server, port: port)
    }
}

/// nghttpd with a small file, asked by h2load: what HTTP/2 costs without gRPC, protobuf or Swift.
struct StaticFloor: Sendable {
    private var server: ChildProcess
    private var h2load: String
    private var port: Int
    private var folder: URL

    static func start(
        nghttpd: String,
        h2load: String,
        port: Int,
    ) async throws(CompareFailure) -> StaticFloor {
        try requireFree(port)
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "holdfast-floor-\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            // As long as the answer of a health check, its frame header included.
            try Data("SERVING".utf8).write(to: folder.appending(path: "status"))
        } catch {
            throw CompareFailure(description: "no folder for nghttpd: \(error)")
        }
        let server = try ChildProcess.server(
            nghttpd,
            [
                "--no-tls", "--address=127.0.0.1", "--workers=1", "--htdocs=\(folder.path)",
                "--max-concurrent-streams=256", "\(port)",
            ],
        )
        let floor = StaticFloor(server: server, h2load: h2load, port: port, folder: folder)
        guard await appears(within: 10, server, { listener(port) != nil }) else {
            let errors = server.errors
            await floor.stop()
            throw CompareFailure(description: "nghttpd does not start: \(errors)")
        }
        return floor
    }

    func stop() async {
        await server.stop()
        try? FileManager.default.removeItem(at: folder)
    }

    /// A turn; h2load's own latencies are averages, so none are given.
    func turn(
        connections: Int,
        streams: Int,
        seconds: Double,
    ) async throws(CompareFailure) -> TurnFigures {
        let nghttpd = listener(port)
        func used() -> Int? {
            nghttpd.flatMap { ProcessStatus(pid: $0)?.usage.cpuMicroseconds }
        }
        let before = used()
        // With a duration it takes whole seconds.
        let finished = try await ChildProcess.run(
            h2load,
            [
                "-c", "\(connections)", "-m", "\(streams)", "-t", "1",
                "-D", "\(max(1, Int(seconds.rounded())))", "http://127.0.0.1:\(port)/status",
            ],
            timeoutSeconds: seconds + 30,
        )
        let after = used()
        guard finished.status == 0 else {
            throw CompareFailure(description: "h2load failed: \(finished.errors)")
        }
        let answer = try H2LoadAnswer(text: finished.output)
        var figures = TurnFigures()
        figures.acceptedPerSecond = answer.requestsPerSecond
        if let before, let after, answer.succeeded > 0 {
            figures.cpuMicroseconds["server"] = Double(after - before) / Double(answer.succeeded)
        } else {
            figures.cpuMicroseconds["server"] = .some(nil)
        }
        if answer.failed > 0 { figures.faults.append("\(answer.failed) requests failed") }
        if answer.succeeded == 0 { figures.faults.append("nothing was answered") }
        return figures
    }
}

/// Looks again and again until something is so, or the server has ended.
private func appears(
    within seconds: Int,
    _ server: ChildProcess,
    _ isThere: () -> Bool,
) async -> Bool {
    for _ in 0..<(seconds * 20) {
        if isThere() { return server.isRunning }
        guard server.isRunning else { return false }
        try? await Task.sleep(for: .milliseconds(50))
    }
    return false
}

/// Who listens on a port of this machine.
private func listener(_ port: Int) -> Int? {
    var options = BenchOptions(scenario: .rpc, run: "peer")
    options.port = port
    return Processes.find(options).server
}

/// A port that somebody else has would have him measured in the peer's place.
private func requireFree(_ port: Int) throws(CompareFailure) {
    guard let pid = listener(port) else { return }
    throw CompareFailure(
        description:
            "port \(port), wanted for a peer, is in use by process \(pid): stop it or choose"
            + " another with --peer-port"
    )
}
