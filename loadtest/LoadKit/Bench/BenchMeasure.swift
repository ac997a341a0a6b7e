// The measured part of a benchmark: connections, the driver, and the processors' time beside it.

internal import Base
internal import Loop
internal import NIOCore
internal import RPC
internal import Synchronization

/// A report without the books, and what the books must be held against.
struct BenchRun: Sendable {
    var report: BenchReport
    var acknowledged: Acknowledged
}

/// What processes have used, at a moment.
private struct Sample: Sendable {
    var server: Usage?
    var redis: Usage?
    var postgres: Usage?
    var generator: Usage

    init(_ processes: Processes) {
        (server, redis, postgres) = processes.usages()
        generator = Processes.ownUsage()
    }
}

/// The samples of a run: at the beginning of the measurement and at its end.
final class ProcessorWatch: Sendable {
    private let processes: Processes
    private let samples = Mutex<[Sample]>([])

    init(_ options: BenchOptions) {
        processes = Processes.find(options)
    }

    /// Takes a sample; costs some hundred microseconds.
    func look() {
        let sample = Sample(processes)
        samples.withLock { $0.append(sample) }
    }

    /// Writes what was used between the first and the last sample for each of so many requests.
    func fill(_ report: inout BenchReport, requests: Int) {
        guard
            let (first, last) = samples.withLock({ all in all.first.map { ($0, all[all.count - 1]) }
            })
        else { return }
        func share(_ before: Usage?, _ after: Usage?) -> Double? {
            guard let before, let after else { return nil }
            return Double(after.cpuMicroseconds - before.cpuMicroseconds) / Double(max(requests, 1))
        }
        report.cpu.server = share(first.server, last.server)
        report.cpu.redis = share(first.redis, last.redis)
        report.cpu.postgres = share(first.postgres, last.postgres)
        report.cpu.generator = share(first.generator, last.generator)
        report.memory.server = last.server?.residentBytes
        report.memory.redis = last.redis?.residentBytes
        report.memory.postgres = last.postgres?.residentBytes
        report.memory.generator = last.generator.residentBytes
    }
}

extension Bench {
    /// What belongs to the loop during a run.
    private final class Parts {
        let book = BenchBook()
        let plan: BenchPlan
        let driver: BenchDriver

        init(_ options: BenchOptions, _ loop: Loop, _ watch: BenchWatch, _ before: Acknowledged) {
            plan = BenchPlan(options, book: book)
            driver = BenchDriver(options, loop: loop, plan: plan, watch: watch)
            book.acknowledged = before
        }
    }

    /// Warms up, measures and drains.
    static func measure(
        _ options: BenchOptions,
        _ loop: Loop,
        _ before: Acknowledged,
        _ say: @escaping @Sendable (String) -> Void,
        _ second: @escaping @Sendable (Double, BenchSecond) -> Void,
    ) async throws(BenchFailure) -> BenchRun {
        let processors = ProcessorWatch(options)
        let watch = BenchWatch(phase: { _ in processors.look() }, second: second)
        let parts =
            await loop.start {
                NIOLoopBound(Parts(options, loop, watch, before), eventLoop: loop.eventLoop)
            }
            .value
        let lanes = try await connect(options, loop, parts)
        say("\(options.warmupSeconds) s warm-up, \(options.seconds) s measurement")
        await loop.start {
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                parts.value.driver.run(lanes) { done.resume() }
            }
        }
        .value
        for lane in lanes { await lane.close() }
        return
            await loop.start {
                let book = parts.value.book
                var report = BenchReport(options, book)
                report.seconds = parts.value.driver.measuredSeconds
                processors.fill(&report, requests: parts.value.driver.answersMeasured)
                return BenchRun(report: report, acknowledged: book.acknowledged)
            }
            .value
    }

    private static func connect(
        _ options: BenchOptions,
        _ loop: Loop,
        _ parts: NIOLoopBound<Parts>,
    ) async throws(BenchFailure) -> [any BenchLane & Sendable] {
        var lanes: [any BenchLane & Sendable] = []
        do throws(Status) {
            for _ in 0..<options.connections {
                if options.scenario == .stream {
                    let stream = try await CartStream.open(options, loop: loop) {
                        tag,
                        answer,
                        refusal in
                        parts.value.driver.answered(tag, answer, refusal)
                    }
                    lanes.append(stream)
                } else {
                    let client = try await ClientDirect.connect(
                        host: options.host,
                        port: options.port,
                        loop: loop,
                        heads: BenchPlan.heads(options),
                    ) { tag, answer in parts.value.driver.answered(tag, answer) }
                    lanes.append(client)
                }
            }
        } catch {
            for lane in lanes { await lane.close() }
            throw BenchFailure(
                description: "no server at \(options.host):\(options.port): \(error)"
            )
        }
        return lanes
    }
}

extension BenchReport {
    /// What a book says.
    init(_ options: BenchOptions, _ book: BenchBook) {
        self.init()
        scenario = options.scenario
        run = options.run
        connections = options.connections
        streams = options.streams
        rate = options.rate
        offered = book.offered
        accepted = book.accepted
        refused = book.refused
        errors = book.failed
        refusals = book.refusals
        failures = book.failures
        let record = options.scenario.expectsAcceptance ? book.acceptedLatency : book.refusedLatency
        latency = record.figures
        curve = record.curve
        timeline = book.seconds
        behindP99 = book.behind.figures.p99 ?? 0
    }
}
