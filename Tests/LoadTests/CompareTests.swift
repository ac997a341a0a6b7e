// The pure parts of a comparison: ratios, what peers print, what is said of a peer that is missing.

import Foundation
import LoadKit
import Testing

@Suite struct RatioTests {
    @Test func `the middle, the least and the greatest of the turns`() {
        #expect(Ratio(of: [30, 10, 20]).map { [$0.median, $0.min, $0.max] } == [20, 10, 30])
        #expect(Ratio(of: [4, 1, 2, 3]).map { [$0.median, $0.min, $0.max] } == [2.5, 1, 4])
        #expect(Ratio(of: [7]).map { [$0.median, $0.min, $0.max] } == [7, 7, 7])
    }

    @Test func `turns are compared one by one, so that what slows both cancels out`() throws {
        let ratio = try #require(Ratio([100, 50, 10], over: [10, 5, 1]))
        #expect([ratio.median, ratio.min, ratio.max] == [10, 10, 10])
    }

    @Test func `what cannot be compared has no ratio`() {
        #expect(Ratio(of: []) == nil)
        #expect(Ratio(of: [1, .infinity]) == nil)
        #expect(Ratio([1, 2], over: [1]) == nil)
        #expect(Ratio([1, 2], over: [1, 0]) == nil)
        #expect(Ratio([.nan], over: [1]) == nil)
        #expect(Ratio([1], over: [.nan]) == nil)
    }
}

@Suite struct PeerAnswerTests {
    private static let line = """
        {"peer":"naive","mode":"reserve","clients":8,"skus":1,"seconds":5.000,"accepted_per_s":2700.5,\
        "refused_per_s":0.0,"latency_us":{"p50":2900,"p90":3500,"p99":6000,"p99_9":9000,"max":12000},\
        "cpu_us_per_request":{"postgres":270.25,"generator":40.50},"verdict":"good"}
        """

    @Test func `what the naive peer prints becomes the figures of a turn`() throws {
        let answer = try NaiveAnswer(json: Self.line)
        #expect(answer.clients == 8)
        let figures = answer.figures
        #expect(figures.acceptedPerSecond == 2_700.5)
        #expect(figures.latencyMicroseconds["p99_9"] == 9_000)
        #expect(figures.servingMicroseconds == 270.25)
        #expect(figures.faults.isEmpty)
    }

    @Test func `a bad verdict of the peer is a fault of the turn`() throws {
        let text = Self.line.replacing("\"good\"", with: "\"5 accepted, 4 kept\"")
        #expect(try NaiveAnswer(json: text).figures.faults == ["naive peer: 5 accepted, 4 kept"])
    }

    @Test func `processor time that was not found is unknown, not nothing`() throws {
        let text = Self.line.replacing("270.25", with: "-1.00")
        #expect(try NaiveAnswer(json: text).figures.servingMicroseconds == nil)
    }

    @Test(arguments: ["", "{}", "naive_peer: no connection"])
    func `anything else is a failure that quotes it`(text: String) {
        let failure = #expect(throws: CompareFailure.self) { try NaiveAnswer(json: text) }
        #expect(failure?.description.contains("'\(text)'") == true)
    }

    private static let h2load = """
        finished in 5.01s, 312345.67 req/s, 9.83MB/s
        requests: 1564321 total, 1566369 started, 1564321 done, 1564300 succeeded, 20 failed, 1 errored, 0 timeout
        status codes: 1564321 2xx, 0 3xx, 0 4xx, 0 5xx
        """

    @Test func `what h2load prints is read`() throws {
        let answer = try H2LoadAnswer(text: Self.h2load)
        #expect(answer.requestsPerSecond == 312_345.67)
        #expect(answer.succeeded == 1_564_300)
        #expect(answer.failed == 21)
        #expect(throws: CompareFailure.self) { try H2LoadAnswer(text: "finished in 5.01s") }
    }
}

@Suite struct CompareReportTests {
    private static func turn(accepted: Double, refused: Double = 0, cpu: Double?) -> TurnFigures {
        var turn = TurnFigures()
        turn.acceptedPerSecond = accepted
        turn.refusedPerSecond = refused
        turn.latencyMicroseconds = ["p50": 1_000, "p99": 2_000]
        turn.cpuMicroseconds = ["server": cpu, "generator": 2]
        return turn
    }

    private static func report(
        _ scenario: CompareScenario,
        _ ours: [TurnFigures],
        _ theirs: [TurnFigures],
    ) -> CompareReport {
        var report = CompareReport(scenario: scenario)
        report.ours.turns = ours
        var peer = ComparedSide("naive", what: "a peer", generator: "itself")
        peer.turns = theirs
        report.peers = [peer]
        return report
    }

    @Test func `each scenario has its own ratio, and none adds accepted and refused`() {
        let ours = [Self.turn(accepted: 60, refused: 90, cpu: 2)]
        let theirs = [Self.turn(accepted: 3, refused: 30, cpu: 8)]
        #expect(Self.report(.flash, ours, theirs).ratio?.median == 20)
        #expect(Self.report(.wide, ours, theirs).ratio?.median == 20)
        #expect(Self.report(.soldout, ours, theirs).ratio?.median == 3)
        #expect(Self.report(.rpc, ours, theirs).ratio?.median == 4)
        let report = Self.report(.flash, ours, theirs)
        #expect(report.cpuRatio(to: report.peers[0])?.median == 4)
        #expect(report.isGood)
    }

    @Test func `unknown processor time is no ratio and a fault`() {
        let known = [Self.turn(accepted: 60, cpu: 2)]
        let unknown = [Self.turn(accepted: 60, cpu: nil)]
        for report in [Self.report(.rpc, known, unknown), Self.report(.rpc, unknown, known)] {
            #expect(report.ratio == nil)
            #expect(report.faults == ["naive cannot be compared: a turn of it has no figure"])
        }
    }

    @Test func `a fault of a turn says whose it is`() {
        var bad = Self.turn(accepted: 60, cpu: 2)
        bad.faults = ["oversold"]
        let report = Self.report(
            .flash,
            [Self.turn(accepted: 60, cpu: 2), bad],
            [Self.turn(accepted: 3, cpu: 8), Self.turn(accepted: 3, cpu: 8)],
        )
        #expect(report.faults == ["holdfast, turn 2: oversold"])
        #expect(!report.isGood)
        #expect(report.text.contains("NOT GOOD: holdfast, turn 2: oversold"))
    }

    @Test func `a comparison with nobody is none`() {
        var report = Self.report(.flash, [], [])
        report.peers[0].skipped = PeerProgram.naive.skipped
        #expect(report.faults == ["nothing was compared: every peer was left out"])
        #expect(report.ratio == nil)
    }

    @Test func `a missing peer is told of in every form of the report`() throws {
        var report = Self.report(
            .rpc,
            [Self.turn(accepted: 60, cpu: 2)],
            [Self.turn(accepted: 30, cpu: 8)],
        )
        var floor = ComparedSide("nghttpd", what: "a file", generator: "h2load")
        floor.isFloor = true
        floor.skipped = PeerProgram.nghttpd.skipped
        report.peers.append(floor)
        #expect(report.isGood)
        let message = "skipped: nghttpd is missing: apt-get install nghttp2-server"
        for text in [report.text, report.html, try report.json()] {
            #expect(text.contains(message))
        }
    }

    @Test func `the JSON has the keys that are promised`() throws {
        let report = Self.report(
            .flash,
            [Self.turn(accepted: 60, cpu: 2), Self.turn(accepted: 80, cpu: 2)],
            [Self.turn(accepted: 3, cpu: nil), Self.turn(accepted: 2, cpu: nil)],
        )
        let object = try JSONSerialization.jsonObject(with: Data(try report.json().utf8))
        let top = try #require(object as? [String: Any])
        let ratio = try #require(top["ratio"] as? [String: Any])
        #expect(ratio["median"] as? Double == 30)
        #expect(ratio["min"] as? Double == 20)
        #expect(ratio["max"] as? Double == 40)
        #expect(top["verdict"] as? String == "good")
        let peer = try #require((top["peers"] as? [[String: Any]])?.first)
        let middle = try #require(peer["middle"] as? [String: Any])
        #expect(middle["accepted_per_s"] as? Double == 2.5)
        let cpu = try #require(middle["cpu_us_per_request"] as? [String: Any])
        #expect(cpu["server"] is NSNull)
    }

    @Test func `options that make no sense are named`() {
        var options = CompareOptions(scenario: .flash)
        #expect(options.problem == nil)
        options.clientsTried = []
        #expect(options.problem == "clients: 1 to 8 numbers from 1 to 90")
        options = CompareOptions(scenario: .flash)
        options.rounds = 0
        #expect(options.problem == "rounds: 1 to 100")
    }

    @Test func `a program of ours is found in its folder, one of the system in the path`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        try FileManager.default.createDirectory(
            atPath: folder,
            withIntermediateDirectories: true,
        )
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for program in PeerProgram.allCases {
            let isMade = FileManager.default.createFile(
                atPath: "\(folder)/\(program.rawValue)",
                contents: nil,
                attributes: [.posixPermissions: 0o755],
            )
            #expect(isMade)
        }
        let inFolder = PeerPrograms(folder: folder, path: [])
        let inPath = PeerPrograms(folder: "/nowhere", path: ["/nowhere", folder])
        for program in [PeerProgram.naive, .grpc] {
            #expect(inFolder.find(program) == "\(folder)/\(program.rawValue)")
            #expect(inPath.find(program) == nil)
        }
        for program in [PeerProgram.nghttpd, .h2load] {
            #expect(inFolder.find(program) == nil)
            #expect(inPath.find(program) == "\(folder)/\(program.rawValue)")
        }
        #expect(PeerProgram.naive.skipped.contains("apt-get install g++ libpq-dev"))
    }
}
