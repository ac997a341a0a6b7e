// The parts of a request's way, in its order. Sizes are those of the benchmarks: keys of 24 letters,
// one line or three, 64 requests in a turn.

internal import API
internal import Base
internal import Domain
internal import Gate
internal import Ledger
internal import Messages
internal import Promising
internal import RPC
internal import Redis
internal import SwiftProtobuf

extension Part {
    /// Requests that come in one read or leave in one batch.
    private static let turn = 64

    static var all: [Part] {
        [
            frames, decode(lines: 1), decode(lines: 3), keyDigest, pack(lines: 1), pack(lines: 3),
            reply, scriptAnswers, batch(of: 1), batch(of: 64), batch(of: 256), encode(lines: 1),
            encode(lines: 3), routeWhole, routeUsual, routeSplit, routeLarge,
        ]
    }

    // MARK: Frames

    /// Each request is HEADERS and DATA; the answer's frames are noted as well.
    private static var frames: Part {
        Part(name: "frames judged", operation: "request", operationsPerRound: turn) {
            var probe = FrameProbe()
            let greeting = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
            let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
            var passed = probe.read(greeting + settings, now: 0)
            var stream: Int32 = 1
            var now: Int64 = 0
            return { rounds in
                for _ in 0..<rounds {
                    // Numbers end some day; a new connection takes over then, as it would.
                    if stream > Int32.max - 4 * Int32(turn) {
                        probe = FrameProbe()
                        passed += probe.read(greeting + settings, now: now)
                        stream = 1
                    }
                    passed &+= probe.read(read(from: stream), now: now)
                    for index in 0..<Int32(turn) { probe.answered(stream: stream + 2 * index) }
                    stream += 2 * Int32(turn)
                    now += 100_000
                }
                return passed
            }
        }
    }

    /// What a client sends for a turn of requests.
    private static func read(from first: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(turn * 105)
        for index in 0..<Int32(turn) {
            let stream = first + 2 * index
            for (length, type, flags) in [(30, 1, 4), (57, 0, 1)] as [(UInt8, UInt8, UInt8)] {
                bytes.append(contentsOf: [0, 0, length, type, flags])
                for shift in [24, 16, 8, 0] as [Int32] {
                    bytes.append(UInt8(truncatingIfNeeded: stream >> shift))
                }
                for _ in 0..<length { bytes.append(0) }
            }
        }
        return bytes
    }

    // MARK: Messages

    private static func decode(lines: Int) -> Part {
        Part(
            name: "ReserveRequest decoded, \(lines) \(lines == 1 ? "line" : "lines")",
            operation: "request",
            operationsPerRound: 1,
        ) {
            var message = Holdfast_V1_ReserveRequest()
            message.idempotencyKey = key(7)
            message.owner = "cart-42"
            message.lines = (0..<lines)
                .map { index in
                    var line = Holdfast_V1_Demand()
                    line.sku = "SKU-0000\(index)"
                    line.node = "LDN-DC"
                    line.quantity = 1
                    return line
                }
            // It is made from good values, which can always be written.
            let bytes = (try? message.serializedBytes() as [UInt8]) ?? []
            return { rounds in
                var sum = 0
                for _ in 0..<rounds {
                    guard let read = try? API.decode(Holdfast_V1_ReserveRequest.self, bytes) else {
                        invariantBroken("a message that we wrote cannot be read")
                    }
                    sum &+= read.lines.count
                }
                return sum
            }
        }
    }

    private static func encode(lines: Int) -> Part {
        Part(
            name: "Reservation encoded, \(lines) \(lines == 1 ? "line" : "lines")",
            operation: "answer",
            operationsPerRound: 1,
        ) {
            let reservation = Reservation(
                id: DigestBuilder.key(.reserve, key(7)),
                state: .held,
                lines: (0..<lines)
                    .map { index in
                        ReservationLine(
                            key: PositionKey(sku: "SKU-0000\(index)", node: "LDN-DC"),
                            quantity: 1,
                            held: 1,
                            confirmed: 0,
                        )
                    },
                owner: "cart-42",
                channel: "",
                createdAt: Instant(seconds: 1_780_000_000),
                expiresAt: Instant(seconds: 1_780_000_900),
            )
            return { rounds in
                var sum = 0
                for _ in 0..<rounds {
                    guard let bytes = try? API.encode(Holdfast_V1_Reservation(reservation)) else {
                        invariantBroken("a reservation cannot be written")
                    }
                    sum &+= bytes.count
                }
                return sum
            }
        }
    }

    // MARK: Keys

    private static var keyDigest: Part {
        Part(name: "key digested", operation: "key", operationsPerRound: 1) {
            let text = key(7)
            return { rounds in
                var sum: UInt64 = 0
                for _ in 0..<rounds { sum &+= DigestBuilder.key(.reserve, text).low }
                return Int(truncatingIfNeeded: sum)
            }
        }
    }

    private static func key(_ number: Int) -> String {
        let digits = String(number)
        return "bench-r1795427766-" + String(repeating: "0", count: 6 - digits.count) + digits
    }

    // MARK: Gate

    private static func pack(lines: Int) -> Part {
        Part(
            name: "script call packed, \(lines) \(lines == 1 ? "line" : "lines")",
            operation: "request",
            operationsPerRound: turn,
        ) {
            let admissions = (0..<turn)
                .map { number in
                    Admission(
                        key: DigestBuilder.key(.reserve, key(number)),
                        lines: (0..<lines).map { (position: Int64(number + $0), quantity: 1) },
                        channel: "",
                    )
                }
            return { rounds in
                var sum = 0
                for _ in 0..<rounds {
                    var call = ScriptCall()
                    for admission in admissions { call.add(admission) }
                    sum &+= call.admits.count
                }
                return sum
            }
        }
    }

    /// The reply of a turn: one string of records.
    private static var reply: Part {
        Part(name: "RESP reply parsed, 64 answers", operation: "reply", operationsPerRound: 1) {
            let probe = ReplyBox()
            let bytes = Array("$\(turn)\r\n".utf8) + Array(repeating: 97, count: turn) + [13, 10]
            return { rounds in
                var sum = 0
                for _ in 0..<rounds { sum &+= probe.parse(bytes) }
                return sum
            }
        }
    }

    private static var scriptAnswers: Part {
        Part(name: "script answers read", operation: "answer", operationsPerRound: turn) {
            let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: turn)
            return { rounds in
                var sum = 0
                for _ in 0..<rounds { sum &+= ScriptReply(bytes, epoch: 1)?.answers.count ?? 0 }
                return sum
            }
        }
    }

    // MARK: Ledger

    private static func batch(of count: Int) -> Part {
        Part(
            name: "commit batch of \(count) encoded",
            operation: "request",
            operationsPerRound: count,
        ) {
            let requests = (0..<count)
                .map { number in
                    CommitRequest(
                        key: DigestBuilder.key(.reserve, key(number)),
                        fingerprint: DigestBuilder.key(.stock, key(number)),
                        lines: [(position: 42, quantity: 1)],
                        ttlMs: 900_000,
                        owner: "cart-42",
                        channel: "",
                        origin: Origin(principal: "bench", requestID: key(number), traceID: ""),
                        epoch: 1,
                    )
                }
            return { rounds in
                var sum = 0
                for _ in 0..<rounds { sum &+= CommitProbe.bytes(of: requests).count }
                return sum
            }
        }
    }
}

/// A parser that a closure can keep: what cannot be copied cannot be captured and changed.
private final class ReplyBox {
    private var probe = ReplyProbe()

    func parse(_ bytes: [UInt8]) -> Int { probe.parse(bytes).count }
}
