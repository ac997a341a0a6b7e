// Row 49 of the list of features: many carts on one stream, each with an answer of its own.

import Foundation
import Messages
import RPC
import SwiftProtobuf
import Synchronization
import TestServers
import Testing

@Suite(.serialized) struct `Row 49, many carts on one stream` {
    private static let deployment = Result { try Deployment() }

    private func caller() async throws -> Caller {
        try await Caller(try Self.deployment.get().server)
    }

    @Test func `500 carts have one answer each, and a cart has 500 lines`() async throws {
        let deployment = try Self.deployment.get()
        let caller = try await caller()
        let skus = (0..<500).map { "MANY-\($0)" }
        try await caller.receive(skus.map { Units($0, 10) })
        let carts = try CartStreamCall(caller)
        var all = (0..<500)
            .map { number in
                (
                    units: (0...(number % 3)).map { Units(skus[(number + $0) % 500], 1) },
                    key: "many-\(number)"
                )
            }
        all.append((units: skus.map { Units($0, 1) }, key: "many-all"))
        let found = try await carts.sendAll(all)
        await carts.stream.finish()
        #expect(Set(found.map(\.correlationID)) == Set(0...500))
        #expect(found.count == 501)
        #expect(try await carts.next() == nil)
        for answer in found {
            let lines = answer.correlationID == 500 ? 500 : Int(answer.correlationID % 3) + 1
            #expect(answer.reservation.lines.count == lines, "\(answer.error)")
        }
        let held = try deployment.number("SELECT sum(held) FROM positions WHERE sku LIKE 'MANY-%'")
        #expect(held == 500 + (0..<500).reduce(0) { $0 + $1 % 3 + 1 })
        let requests = "SELECT count(DISTINCT request_id) FROM reservations WHERE owner = 'cart'"
        #expect(try deployment.number(requests) >= 501)
        try expectSound(deployment, atLeast: 501)
    }

    @Test func `a cart that has to wait holds up no other`() async throws {
        let deployment = try Self.deployment.get()
        let caller = try await caller()
        try await caller.receive([Units("SLOW", 5), Units("FAST", 1)])
        let known = try await caller.reserve([Units("FAST", 1)], key: "known")
        let carts = try CartStreamCall(caller)
        let lock = try PositionLock(deployment, sku: "SLOW")
        try await carts.send(1, [Units("SLOW", 1)], key: "slow", timeoutMs: 30_000)
        try await carts.send(2, [Units("SLOW", 0)], key: "wrong", timeoutMs: 30_000)
        try await carts.send(3, [Units("FAST", 1)], key: "sold out", timeoutMs: 30_000)
        try await carts.send(4, [Units("FAST", 1)], key: "known", timeoutMs: 30_000)
        let early = try await carts.answers(3)
        #expect(lock.isHeld)
        try lock.release()
        #expect(Set(early.map(\.correlationID)) == [2, 3, 4])
        #expect(early.first { $0.correlationID == 3 }?.error.reason == "SOLD_OUT")
        #expect(early.first { $0.correlationID == 4 }?.reservation.id == known.id)
        await carts.stream.finish()
        let late = try await carts.answers(1)
        #expect(late.map(\.correlationID) == [1])
        #expect(late.first?.reservation.state == .held)
        #expect(try await carts.next() == nil)
        try expectSound(deployment)
    }

    @Test func `what is refused ends its cart and says why`() async throws {
        let deployment = try Self.deployment.get()
        let caller = try await caller()
        try await caller.receive([Units("FEW", 2)])
        let carts = try CartStreamCall(caller)
        func ask(
            _ number: UInt64,
            _ units: [Units],
            key: String = "few",
            timeoutMs: Int64? = nil,
        ) async throws -> Holdfast_V1_ReserveStreamResponse {
            try await carts.send(number, units, key: key, timeoutMs: timeoutMs)
            let answer = try #require(try await carts.next())
            #expect(answer.correlationID == number)
            return answer
        }
        let soldOut = try await ask(7, [Units("FEW", 3)]).error
        #expect(soldOut.code == Int32(StatusCode.failedPrecondition.rawValue))
        #expect(soldOut.reason == "SOLD_OUT")
        #expect(soldOut.metadata["field"] == "cart.lines[0].quantity")
        #expect(soldOut.metadata["sku"] == "FEW" && soldOut.metadata["node"] == "N1")
        #expect(soldOut.metadata["requested"] == "3" && soldOut.metadata["available"] == "2")
        #expect(!soldOut.message.isEmpty)

        let wrong = try await ask(7, [Units("FEW", 0)]).error
        #expect(wrong.code == Int32(StatusCode.invalidArgument.rawValue))
        #expect(wrong.violations.map(\.field) == ["cart.lines[0].quantity"])
        #expect(try await ask(0, [Units("NOBODY", 1)]).error.code == 5)
        let hasty = try await ask(8, [Units("FEW", 1)], timeoutMs: 0).error
        #expect(hasty.violations.map(\.field) == ["timeout"])
        try await carts.send(.with { $0.correlationID = .max })
        let empty = try await carts.next()
        #expect(empty?.correlationID == .max)
        #expect(empty?.error.violations.map(\.field) == ["cart"])

        let held = try await ask(9, [Units("FEW", 1)]).reservation
        #expect(held.state == .held)
        #expect(try await ask(10, [Units("FEW", 1)]).reservation == held)
        let reused = try await ask(11, [Units("FEW", 2)]).error
        #expect(reused.reason == "KEY_REUSED")
        #expect(reused.metadata["field"] == "cart.idempotency_key")
        #expect(try await caller.reserve([Units("FEW", 1)], key: "few").id == held.id)

        // No cart at all: what was sent before has its answer, and the stream ends.
        try await carts.send(12, [Units("FEW", 1)], key: "last")
        try await carts.stream.send([0xff])
        let last = try await carts.next()
        #expect(last?.correlationID == 12 && last?.reservation.state == .held)
        let end = try await refusal { try await carts.next() }
        #expect(end?.code == .invalidArgument)
        #expect(try await caller.position("FEW").reserved == 2)
        try expectSound(deployment)
    }

    @Test func `a cart whose time is over is answered, even when nothing comes back`() async throws
    {
        let deployment = try Self.deployment.get()
        let caller = try await caller()
        try await caller.receive([Units("STUCK", 5)])
        let carts = try CartStreamCall(caller)
        let lock = try PositionLock(deployment, sku: "STUCK")
        try await carts.send(1, [Units("STUCK", 1)], key: "stuck", timeoutMs: 200)
        let answer = try await carts.next()
        #expect(answer?.error.code == Int32(StatusCode.deadlineExceeded.rawValue))
        #expect(lock.isHeld)
        try lock.release()
        // Only one answer: the stream ends when its work has.
        await carts.stream.finish()
        #expect(try await carts.next() == nil)
        let held = try await caller.reserve([Units("STUCK", 1)], key: "stuck")
        #expect(try await caller.position("STUCK").reserved == 1)
        #expect(try await caller.reservation(held.id).state == .held)
        try expectSound(deployment)
    }

    @Test func `a caller who does not read is not served ahead, and misses nothing`() async throws {
        let deployment = try Deployment()
        let caller = try await Caller(deployment.server)
        let lines = (0..<20).map { Units("AHEAD-\($0)", 1) }
        try await caller.receive(lines.map { Units($0.sku, 100_000) })
        let carts = try CartStreamCall(caller)
        let count = 3_000
        let sent = Mutex(0)
        let sending = Task {
            for number in 0..<count {
                try await carts.send(
                    UInt64(number),
                    lines,
                    key: "ahead-\(number)",
                    timeoutMs: 30_000,
                )
                sent.withLock { $0 += 1 }
            }
            await carts.stream.finish()
        }
        let committed = "SELECT count(*) FROM reservations"
        var before = -1
        var now = 0
        while now != before || now == 0 {
            before = now
            try await Task.sleep(for: .milliseconds(700))
            now = try deployment.number(committed)
        }
        // Two windows of answers and the carts that may be under way, not 3,000.
        #expect(now < 1_500)
        #expect(sent.withLock { $0 } < 2_000)
        let answers = try await carts.answers(count)
        try await sending.value
        #expect(Set(answers.map(\.correlationID)).count == count)
        #expect(answers.allSatisfy { $0.isBusy || $0.reservation.lines.count == 20 })
        #expect(try await carts.next() == nil)
        let held = answers.count { !$0.isBusy }
        #expect(try deployment.number(committed) == held)
        try expectSound(deployment, atLeast: 256)
    }

    @Test func `a stream is let in as a call of Reserve is, cart by cart`() async throws {
        let guarded = try GuardedDeployment()
        try await guarded.caller("ops").receive([Units("GATED", 10)])
        let path = Path.reservation("ReserveStream")
        for (name, code) in [("desk", StatusCode.permissionDenied), ("none", .unauthenticated)] {
            let stream = try await guarded.caller(name).stream(path)
            let end = try await refusal { try await stream.next() }
            #expect(end?.code == code, "\(name)")
        }
        let carts = try CartStreamCall(try await guarded.caller("web"))
        try await carts.send(1, [Units("GATED", 1)], key: "theirs", channel: "app")
        let theirs = try await carts.next()
        #expect(theirs?.error.code == Int32(StatusCode.permissionDenied.rawValue))
        #expect(theirs?.error.violations.map(\.field) == ["cart.channel"])
        try await carts.send(2, [Units("GATED", 1)], key: "ours", channel: "web")
        #expect(try await carts.next()?.reservation.channel == "web")
        try await carts.send(3, [Units("GATED", 1)], key: "unsaid")
        #expect(try await carts.next()?.reservation.channel == "web")
        let principals = "SELECT DISTINCT principal FROM reservations"
        #expect(try guarded.deployment.sql(principals) == "web")
        try expectSound(guarded.deployment, atLeast: 2)
    }

    @Test(.enabled(if: Client.interpreter != nil))
    func `Python's client sends carts on a stream and watches`() throws {
        let interpreter = try #require(Client.interpreter)
        let server = try Self.deployment.get().server
        let ended = try Binary.run([
            interpreter, "\(Binary.project)/Tests/EndToEnd/Python/streams.py",
            "\(Binary.project)/Protocols", "127.0.0.1:\(server.grpcPort)",
        ])
        #expect(ended.status == 0, "\(ended.errors)")
        let outcome = try JSONDecoder().decode(TableOutcome.self, from: Data(ended.output.utf8))
        #expect(outcome.steps >= 7)
        #expect(outcome.problems == [])
    }
}
