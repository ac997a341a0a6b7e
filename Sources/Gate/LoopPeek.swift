// Looks into the view for planners: everything that a turn of the loop asks goes to Redis in one script
// call, each position once. A script of its own, so that admissions pay nothing for it.

internal import Base
package import Domain
package import Loop
internal import NIOCore
package import Promising
internal import Redis

/// The questions of one loop about what is free.
package final class LoopPeek: PeekPort {
    private struct Waiting {
        let positions: [PositionID]
        let channel: String
        let deadline: Deadline
        let continuation: CheckedContinuation<Result<Peek, Failure>, Never>
    }

    /// Positions of one script call: bounds the time that it holds Redis up.
    private let callSizeMax = 2_000
    /// How long a question waits for a gate that is closed, in milliseconds.
    private let patienceMs: Int64 = 1_000
    private let pauseMs: Int64 = 10

    private let loop: Loop
    private let gate: LoopGate
    private var waiting: [Waiting] = []

    package init(loop: Loop, gate: LoopGate) {
        self.loop = loop
        self.gate = gate
    }

    package func peek(
        _ positions: [PositionID],
        channel: String,
    ) async throws(Failure) -> Peek {
        loop.eventLoop.preconditionInEventLoop()
        let deadline = min(Deadline.current, Deadline.now.advanced(milliseconds: patienceMs))
        while true {
            do throws(Failure) {
                return try await ask(positions, channel, deadline)
            } catch .unavailable {
                if Deadline.current.hasPassed { throw .deadlineExceeded }
                if deadline.hasPassed { throw .unavailable(what: "gate", retryAfterMs: 100) }
                // Finds out whether it is open elsewhere, or opens it.
                gate.probe()
                try? await Task.sleep(for: .milliseconds(pauseMs))
            }
        }
    }

    // MARK: Private

    private func ask(
        _ positions: [PositionID],
        _ channel: String,
        _ deadline: Deadline,
    ) async throws(Failure) -> Peek {
        var whole = Peek(epoch: 0, free: [])
        whole.free.reserveCapacity(positions.count)
        var rest = positions[...]
        repeat {
            let part = Array(rest.prefix(callSizeMax))
            rest = rest.dropFirst(part.count)
            let outcome = await withCheckedContinuation { continuation in
                if waiting.isEmpty { loop.atTurnEnd(.gather) { self.flush() } }
                waiting.append(
                    Waiting(
                        positions: part,
                        channel: channel,
                        deadline: deadline,
                        continuation: continuation,
                    )
                )
            }
            let answer = try outcome.get()
            whole.epoch = answer.epoch
            whole.free += answer.free
        } while !rest.isEmpty
        return whole
    }

    private func flush() {
        let now = Deadline.now
        var rest = waiting[...]
        waiting = []
        while let first = rest.first {
            if first.deadline.hasPassed(at: now) {
                first.continuation.resume(returning: .failure(.deadlineExceeded))
                rest = rest.dropFirst()
                continue
            }
            var question = PeekQuestion()
            var asking: [(waiting: Waiting, places: [PeekPlace])] = []
            while let next = rest.first,
                question.count == 0 || question.count + next.positions.count <= callSizeMax
            {
                asking.append((next, question.places(of: next.positions, next.channel)))
                rest = rest.dropFirst()
            }
            send(question, asking)
        }
    }

    private func send(_ question: PeekQuestion, _ asking: [(waiting: Waiting, places: [PeekPlace])])
    {
        guard let epoch = gate.openEpoch, gate.redis.isConnected else {
            return answer(asking, nil, epoch: 0)
        }
        gate.redis.send(question.command("EVALSHA", PeekScript.sha1, epoch)) { outcome in
            if case .success(.error(let error)) = outcome, error.code == "NOSCRIPT" {
                self.gate.redis.send(question.command("EVAL", PeekScript.text, epoch)) { outcome in
                    self.answer(asking, question.figures(outcome), epoch: epoch)
                }
                return
            }
            self.answer(asking, question.figures(outcome), epoch: epoch)
        }
    }

    /// `figures` is nil when the view could not be asked.
    private func answer(
        _ asking: [(waiting: Waiting, places: [PeekPlace])],
        _ figures: PeekFigures?,
        epoch: Int64,
    ) {
        for (waiting, places) in asking {
            waiting.continuation.resume(
                returning: figures.map { figures in
                    .success(Peek(epoch: epoch, free: places.map { figures[$0] }))
                } ?? .failure(.unavailable(what: "gate", retryAfterMs: 100))
            )
        }
    }
}

/// Where an answer stands: which channel of the question, and which of its positions.
struct PeekPlace {
    let channel: Int
    let place: Int
}

/// What one call of peek.lua asks.
struct PeekQuestion {
    /// What is asked for a channel; `places` says where a position stands among its `ids`.
    private struct Part {
        let channel: String
        var ids: [UInt8] = []
        var places: [PositionID: Int] = [:]
    }

    private var parts: [Part] = []
    /// Positions asked about in all.
    private(set) var count = 0

    /// Adds positions; returns where the answer to each will stand.
    mutating func places(of positions: [PositionID], _ channel: String) -> [PeekPlace] {
        let index = parts.firstIndex { $0.channel == channel } ?? parts.count
        if index == parts.count { parts.append(Part(channel: channel)) }
        return positions.map { position in
            if let place = parts[index].places[position] {
                return PeekPlace(channel: index, place: place)
            }
            let place = parts[index].places.count
            parts[index].places[position] = place
            parts[index].ids.append(littleEndian: position)
            count += 1
            return PeekPlace(channel: index, place: place)
        }
    }

    func command(_ name: String, _ script: String, _ epoch: Int64) -> RedisCommand {
        var command = RedisCommand(name, reserving: 8 * count + 256)
        command.append(script)
        command.append(1)
        command.append(GateKeys.epoch)
        command.append(String(epoch))
        for part in parts {
            command.append(part.channel)
            command.append(part.ids)
        }
        return command
    }

    /// What a reply says; nil when it is none.
    func figures(_ outcome: Result<RedisReply, RedisError>) -> PeekFigures? {
        guard case .success(.bytes(let bytes)) = outcome, bytes.count == 8 * count else {
            return nil
        }
        var starts: [Int] = []
        var start = 0
        for part in parts {
            starts.append(start)
            start += part.places.count
        }
        return PeekFigures(bytes: bytes, starts: starts)
    }
}

/// The reply of peek.lua.
struct PeekFigures {
    /// What peek.lua says of a position that is not in the view.
    private static let missing: Int64 = -(1 << 53)

    let bytes: [UInt8]
    /// Where the answers of each channel begin.
    let starts: [Int]

    subscript(place: PeekPlace) -> Int64? {
        let start = 8 * (starts[place.channel] + place.place)
        var value: UInt64 = 0
        for index in 0..<8 { value |= UInt64(bytes[start + index]) << UInt64(8 * index) }
        let free = Int64(bitPattern: value)
        return free == Self.missing ? nil : free
    }
}

/// The text of peek.lua.
private enum PeekScript {
    static let text = String(decoding: PackageResources.peek_lua, as: UTF8.self)
    static let sha1 = RedisScript.digest(of: text)
}
