// Streams as the tests use them: carts in and answers out, and what a watch tells. And what holds a
// reservation up for as long as a test wants.

import Foundation
import Messages
import RPC
import SwiftProtobuf
import TestServers

/// Carts on one stream.
struct CartStreamCall: Sendable {
    let stream: ClientStream

    init(_ caller: Caller) throws {
        stream = try caller.stream(Path.reservation("ReserveStream"))
    }

    func send(
        _ number: UInt64,
        _ units: [Units],
        key: String,
        timeoutMs: Int64? = nil,
        channel: String = "",
    ) async throws {
        var request = Holdfast_V1_ReserveStreamRequest()
        request.correlationID = number
        request.cart = Holdfast_V1_ReserveRequest(units, key: key, channel: channel)
        if let timeoutMs { request.timeout = .milliseconds(timeoutMs) }
        try await send(request)
    }

    func send(_ request: Holdfast_V1_ReserveStreamRequest) async throws {
        try await stream.send(try request.serializedBytes())
    }

    /// The next answer; nil when the stream has ended well.
    func next() async throws -> Holdfast_V1_ReserveStreamResponse? {
        guard let message = try await stream.next() else { return nil }
        return try Holdfast_V1_ReserveStreamResponse(serializedBytes: message.bytes)
    }

    /// So many answers, in the order in which they came.
    func answers(_ count: Int) async throws -> [Holdfast_V1_ReserveStreamResponse] {
        var answers: [Holdfast_V1_ReserveStreamResponse] = []
        while answers.count < count {
            guard let answer = try await next() else { break }
            answers.append(answer)
        }
        return answers
    }
}

extension CartStreamCall {
    /// Sends carts, the place in the list being the number, and takes an answer for each; those that
    /// the server has no room for now are sent again.
    func sendAll(
        _ carts: [(units: [Units], key: String)]
    ) async throws -> [Holdfast_V1_ReserveStreamResponse] {
        var settled: [UInt64: Holdfast_V1_ReserveStreamResponse] = [:]
        var open = carts.indices.map { UInt64($0) }
        for _ in 0..<100 where !open.isEmpty {
            let numbers = open
            async let answers = answers(numbers.count)
            for number in numbers {
                let cart = carts[Int(number)]
                try await send(number, cart.units, key: cart.key, timeoutMs: 30_000)
            }
            let found = try await answers
            guard found.map(\.correlationID).sorted() == numbers else {
                throw HarnessFailure(description: "not one answer for each cart")
            }
            for answer in found where !answer.isBusy { settled[answer.correlationID] = answer }
            open = found.filter(\.isBusy).map(\.correlationID).sorted()
            if !open.isEmpty { try await Task.sleep(for: .milliseconds(200)) }
        }
        return Array(settled.values)
    }
}

extension Holdfast_V1_ReserveStreamResponse {
    /// The server has too much to do, and has not tried.
    var isBusy: Bool { error.code == Int32(StatusCode.resourceExhausted.rawValue) }
}

/// A watch of some SKUs.
struct WatchCall: Sendable {
    let stream: ClientStream

    init(_ caller: Caller, _ skus: [String], channel: String = "") async throws {
        var request = Holdfast_V1_WatchAvailabilityRequest()
        request.items = skus.map { sku in
            var item = Holdfast_V1_AvailabilityItem()
            item.sku = sku
            return item
        }
        request.channel = channel
        stream = try caller.stream(Path.inventory("WatchAvailability"))
        try await stream.send(try request.serializedBytes())
        await stream.finish()
    }

    /// What is told next; nil when the server has ended the watch well, which it should not.
    func next() async throws -> [Holdfast_V1_WatchedAvailability]? {
        guard let message = try await stream.next() else { return nil }
        return try Holdfast_V1_WatchAvailabilityResponse(serializedBytes: message.bytes).items
    }

    /// What is told next, as units by place in the request.
    func figures() async throws -> [Int32: Int64]? {
        try await next()
            .map { items in
                Dictionary(
                    items.map { ($0.index, $0.availability.available) },
                    uniquingKeysWith: { $1 },
                )
            }
    }
}

/// Somebody who has locked positions in Postgres: what would change them waits.
final class PositionLock: Sendable {
    private let deployment: Deployment
    private let session: Program
    private static let mark = "held by a test"

    /// Returns once the lock is held.
    init(_ deployment: Deployment, sku: String) throws {
        self.deployment = deployment
        session = try Program([
            "psql", "-X", "-q", "-d", deployment.conninfo, "-c",
            """
            BEGIN; SELECT FROM positions WHERE sku = '\(sku)' FOR UPDATE;
            SELECT pg_sleep(60) /* \(Self.mark) */; COMMIT
            """,
        ])
        try waitUntil(seconds: 30, "the lock") { [self] in isHeld }
    }

    private static let sessions = """
        FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND query LIKE '%\(mark)%' AND wait_event = 'PgSleep'
        """

    var isHeld: Bool {
        (try? deployment.number("SELECT count(*) \(Self.sessions)")) == 1
    }

    func release() throws {
        try deployment.sql("SELECT pg_terminate_backend(pid) \(Self.sessions)")
        _ = try session.wait(seconds: 30)
    }
}
