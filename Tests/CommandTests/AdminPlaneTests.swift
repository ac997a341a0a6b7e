// Health and metrics, asked over HTTP as a load balancer and Prometheus ask.

import Foundation
import FoundationNetworking
import Logging
import Synchronization
import Testing

@testable import holdfast

@Suite struct AdminPlaneTests {
    private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func get(_ path: String, _ port: Int) async throws -> (Int, String, String) {
        let url = try #require(URL(string: "http://127.0.0.1:\(port)\(path)"))
        let (data, response) = try await URLSession.shared.data(from: url)
        let http = try #require(response as? HTTPURLResponse)
        let type = http.value(forHTTPHeaderField: "Content-Type") ?? ""
        return (http.statusCode, type, String(decoding: data, as: UTF8.self))
    }

    @Test func `ready means that every part is, and the answer names each`() async throws {
        let box = Box()
        let sources = AdminSources(
            ready: {
                [
                    ReadinessPart(name: "postgres", isReady: true, detail: ""),
                    ReadinessPart(name: "gate", isReady: box.value, detail: "loading"),
                ]
            },
            metrics: { "x 1\n" },
        )
        let plane = AdminPlane(host: "127.0.0.1", port: 0, sources: sources, logger: logger)
        let port = try await plane.start()
        let before = try await get("/readyz", port)
        #expect(before.0 == 503)
        #expect(
            before.2 == """
                {"is_ready":false,"parts":[{"detail":"","is_ready":true,"name":"postgres"},\
                {"detail":"loading","is_ready":false,"name":"gate"}]}

                """
        )
        box.value = true
        let after = try await get("/readyz", port)
        #expect(after.0 == 200)
        let alive = try await get("/healthz", port)
        #expect(alive.0 == 200)
        let metrics = try await get("/metrics", port)
        #expect(metrics.1.hasPrefix("text/plain; version=0.0.4"))
        #expect(metrics.2 == "x 1\n")
        let other = try await get("/other", port)
        #expect(other.0 == 404)
        await plane.stop()
    }

    @Test func `a server without parts is not ready`() async throws {
        let sources = AdminSources(ready: { [] }, metrics: { "" })
        let plane = AdminPlane(host: "127.0.0.1", port: 0, sources: sources, logger: logger)
        let answer = try await get("/readyz", try await plane.start())
        #expect(answer.0 == 503)
        await plane.stop()
    }

    @Test func `a port that is taken is told as such`() async throws {
        let sources = AdminSources(ready: { [] }, metrics: { "" })
        let first = AdminPlane(host: "127.0.0.1", port: 0, sources: sources, logger: logger)
        let port = try await first.start()
        let second = AdminPlane(host: "127.0.0.1", port: port, sources: sources, logger: logger)
        let error = await #expect(throws: CommandError.self) { try await second.start() }
        #expect(error?.message.contains("127.0.0.1:\(port)") == true)
        #expect(error?.message.contains("somebody listens there already") == true)
        await first.stop()
    }
}

/// A flag that a test sets and a server reads.
private final class Box: Sendable {
    private let flag = Mutex(false)
    var value: Bool {
        get { flag.withLock { $0 } }
        set { flag.withLock { $0 = newValue } }
    }
}
