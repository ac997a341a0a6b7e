// What whoever runs a server sees of it: health, readiness, metrics, and how it ends.

import Foundation
import Messages
import RPC
import TestServers
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// What the admin plane answered.
struct Page {
    var status: Int
    var text: String

    init(_ server: ServerProcess, _ path: String) async throws {
        let url = try #require(URL(string: "http://127.0.0.1:\(server.adminPort)\(path)"))
        let (data, response) = try await URLSession.shared.data(from: url)
        status = (response as? HTTPURLResponse)?.statusCode ?? 0
        text = String(decoding: data, as: UTF8.self)
    }

    /// The sum of a metric over its labels; nil when it is not there.
    func metric(_ name: String, _ label: String = "") -> Double? {
        let values = text.split(separator: "\n")
            .compactMap { line -> Double? in
                let parts = line.split(separator: " ")
                guard parts.count == 2,
                    parts[0].split(separator: "{").first.map(String.init) == name,
                    label.isEmpty || parts[0].contains(label)
                else { return nil }
                return Double(parts[1])
            }
        return values.isEmpty ? nil : values.reduce(0, +)
    }
}

extension Heavy {
    @Suite(.serialized) struct OperationTests {
        @Test func `health and readiness follow Redis going away and coming back`() async throws {
            let deployment = try Deployment()
            let server = deployment.server
            #expect(try await Page(server, "/healthz").status == 200)
            #expect(try await readiness(server, becomes: 200))
            deployment.redis.stop()
            #expect(try await readiness(server, becomes: 503))
            #expect(try await Page(server, "/healthz").status == 200)
            #expect(try await Page(server, "/readyz").text.contains("gate"))
            try deployment.redis.start()
            // Nobody need call for it to become ready again.
            #expect(try await readiness(server, becomes: 200))
            let caller = try await Caller(server)
            try await caller.receive([Units("READY", 1)])
            #expect(try await caller.reserve([Units("READY", 1)]).state == .held)
            #expect(try await Page(server, "/nowhere").status == 404)
        }

        private func readiness(_ server: ServerProcess, becomes status: Int) async throws -> Bool {
            for _ in 0..<200 {
                if try await Page(server, "/readyz").status == status { return true }
                try await Task.sleep(for: .milliseconds(50))
            }
            return false
        }

        @Test func `metrics are well formed and count what happens`() async throws {
            let deployment = try Deployment()
            let caller = try await Caller(deployment.server)
            try await caller.receive([Units("METRIC", 5)])
            for _ in 0..<5 { _ = try await caller.reserve([Units("METRIC", 1)]) }
            let refused = try await refusal { try await caller.reserve([Units("METRIC", 1)]) }
            #expect(refused?.reason == "SOLD_OUT")
            let page = try await Page(deployment.server, "/metrics")
            #expect(page.status == 200)
            let sample = /[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-z_]+="[^"]*",?)*\})? [-+0-9.eE]+(Inf|NaN)?/
            for line in page.text.split(separator: "\n") where !line.hasPrefix("#") {
                #expect(line.wholeMatch(of: sample) != nil, "\(line)")
            }
            let types = page.text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
            #expect(types.count > 10)
            #expect(Set(types).count == types.count)
            let text = page.text.split(separator: "\n").filter { $0.contains("Reserve\"") }
            let counts = text.filter { $0.hasSuffix(" 5") || $0.hasSuffix(" 6") }
            #expect(!counts.isEmpty, "nothing counts the calls of Reserve: \(text)")
        }

        @Test func `a server that is told to stop answers every call that it began`() async throws {
            let deployment = try Deployment()
            let callers = try await deployment.callers(4)
            try await callers[0].receive([Units("STOP", 100_000)])
            let load = Load(callers)
            let outcomes = try await withThrowingTaskGroup(of: [Result<String, Status>].self) {
                group in
                for task in 0..<24 {
                    group.addTask {
                        try await untilRefused(callers[task % 4], "stop-\(task)", load)
                    }
                }
                try await load.reaches(300)
                deployment.server.send(SIGTERM)
                #expect(try deployment.server.wait() == 0)
                return try await group.reduce(into: [Result<String, Status>]()) { $0 += $1 }
            }
            var record = Record()
            for outcome in outcomes {
                switch outcome {
                case .success(let id): record.acknowledged[id] = 1
                case .failure(let status):
                    #expect(status.code == .unavailable, "a call was left hanging: \(status)")
                }
            }
            #expect(record.acknowledged.count >= 300)
            #expect(try deployment.missing(record) == 0)
            // No call was begun and not answered: what is committed was acknowledged.
            let committed = try deployment.number("SELECT count(*) FROM reservations")
            #expect(committed == record.acknowledged.count)
            try deployment.server.start()
            try expectSound(deployment, atLeast: 300)
        }
    }
}

/// Reserves until the server is gone; returns every outcome.
@concurrent
private func untilRefused(
    _ caller: Caller,
    _ name: String,
    _ load: Load,
) async throws -> [Result<String, Status>] {
    var outcomes: [Result<String, Status>] = []
    for number in 0..<5_000 {
        do {
            let held = try await caller.reserve([Units("STOP", 1)], key: "\(name)-\(number)")
            outcomes.append(.success(held.id))
            load.count()
        } catch let status as Status {
            outcomes.append(.failure(status))
            return outcomes
        }
    }
    return outcomes
}
