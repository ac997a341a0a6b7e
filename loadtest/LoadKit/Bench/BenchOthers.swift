// Runs that other parts of the kit make and judge, in the frame of a benchmark: a replay of a sales
// file, and an overload.

extension Bench {
    static func replay(
        _ options: BenchOptions,
        _ say: @escaping @Sendable (String) -> Void,
    ) async throws(BenchFailure) -> BenchReport {
        var replay = ReplayOptions(file: options.file ?? "", run: options.run)
        replay.host = options.host
        replay.port = options.port
        replay.connections = min(options.connections, 16)
        replay.inFlight = min(options.callers, 1_024)
        say(
            "playing \(replay.file), \(replay.inFlight) steps at once; warm-up and seconds do not count"
        )
        let processors = ProcessorWatch(options)
        processors.look()
        let played: ReplayReport
        do throws(ReplayFailure) {
            played = try await Replay.run(replay)
        } catch {
            throw BenchFailure(description: error.description)
        }
        processors.look()
        var report = BenchReport()
        report.scenario = .replay
        report.run = options.run
        report.connections = replay.connections
        report.streams = replay.inFlight / replay.connections
        report.seconds = played.seconds
        report.refusals = played.refusedCalls
        report.refused = played.refusedCalls.values.reduce(0, +)
        report.accepted = played.acceptedCalls
        report.offered = report.accepted + report.refused
        report.latency = played.latency
        report.curve = played.curve
        report.otherFaults = played.faults
        report.notes = [
            "\(played.ordersPlaced) orders placed from \(played.rows) rows; calls that fail for a while"
                + " are made again and count once",
            "the processors' time includes reading the file, receiving its stock and the"
                + " reconciliation, which is the verdict",
        ]
        processors.fill(&report, requests: report.offered)
        return report
    }

    static func overload(
        _ options: BenchOptions,
        _ say: @escaping @Sendable (String) -> Void,
    ) async throws(BenchFailure) -> BenchReport {
        var overload = OverloadOptions(run: options.run)
        overload.host = options.host
        overload.port = options.port
        overload.connections = min(options.connections, 64)
        overload.callers = min(options.callers, 4_096)
        overload.levelSeconds = max(1, min(Int(options.seconds), 60))
        let processors = ProcessorWatch(options)
        processors.look()
        let loaded: OverloadReport
        do throws(OverloadFailure) {
            loaded = try await Overload.run(overload, watch: say)
        } catch {
            throw BenchFailure(description: error.description)
        }
        processors.look()
        var report = BenchReport()
        report.scenario = .overload
        report.run = options.run
        report.connections = overload.connections
        let level = loaded.levels.last ?? loaded.capacity
        report.rate = level.offeredPerSecond
        report.seconds = level.seconds
        report.offered = level.total.offered
        report.accepted = level.total.accepted
        report.refused = level.total.refused
        report.errors = level.total.failed
        report.refusals = level.refusals
        report.failures = level.errors
        report.latency.p50 = level.p50Microseconds
        report.latency.p99 = level.p99Microseconds
        report.behindP99 = level.behindP99Microseconds
        report.otherFaults = loaded.faults
        report.notes = [
            "the figures are those of \(level.name); \(Int(100 * loaded.goodputShare(of: level))) % of"
                + " the peak of \(Int(loaded.peakPerSecond)) a second is left"
                + " (holdfast-load overload shows all levels)",
            "the processors' time is that of all levels, shared among all calls that were made",
        ]
        let made = ([loaded.capacity] + loaded.levels).reduce(0) { $0 + $1.total.offered }
        processors.fill(&report, requests: made)
        return report
    }
}
