// Carts on one ReserveStream, with the face of a connection: a call goes in with a tag and comes back
// with it. Two tasks for each stream, one that writes and one that reads; none for a cart.

internal import Base
internal import Loop
internal import Messages
internal import NIOCore
internal import RPC
internal import SwiftProtobuf

/// Whatever makes calls for the driver.
protocol BenchLane {
    /// Makes a call; its answer comes with the tag.
    func call(head: Int, _ framed: [UInt8], tag: Int)
    /// Ends it.
    func close() async
}

extension ClientDirect: BenchLane {}

/// What a cart's answer says, when it is no.
struct CartRefusal: Hashable {
    var status: Int
    var reason: String?
}

/// One stream on a connection of its own; confined to the generator's loop.
final class CartStream: BenchLane, Sendable {
    typealias Answered = @Sendable (Int, borrowing DirectAnswer, CartRefusal?) -> Void

    /// Tags become numbers that two bytes hold in every case.
    static let tagsMax = 16_000
    private static let tagOffset = 128

    /// What is confined to the loop.
    private final class State {
        var outbox: [[UInt8]] = []
        var open: Set<Int> = []
        var writer: CheckedContinuation<Void, Never>?
        var endedBy: String?
    }

    private let client: RPCClient
    private let stream: ClientStream
    private let loop: Loop
    private let state: NIOLoopBound<State>
    private let answered: Answered
    private let timeout: [UInt8]

    static func open(
        _ options: BenchOptions,
        loop: Loop,
        answered: @escaping Answered,
    ) async throws(Status) -> CartStream {
        let client = try await RPCClient.connect(host: options.host, port: options.port, loop: loop)
        let stream = client.stream("/holdfast.v1.ReservationService/ReserveStream")
        let state = await loop.start { NIOLoopBound(State(), eventLoop: loop.eventLoop) }.value
        let lane = CartStream(client, stream, loop, state, answered, options.timeoutMilliseconds)
        loop.start { await lane.write() }
        loop.start { await lane.read() }
        return lane
    }

    private init(
        _ client: RPCClient,
        _ stream: ClientStream,
        _ loop: Loop,
        _ state: NIOLoopBound<State>,
        _ answered: @escaping Answered,
        _ timeoutMilliseconds: Int64,
    ) {
        self.client = client
        self.stream = stream
        self.loop = loop
        self.state = state
        self.answered = answered
        var cart = Holdfast_V1_ReserveStreamRequest()
        cart.timeout.seconds = timeoutMilliseconds / 1_000
        cart.timeout.nanos = Int32(timeoutMilliseconds % 1_000) * 1_000_000
        // Everything but the timeout is empty, so these bytes are its field.
        timeout = Array(RequestTemplate(cart).framed.dropFirst(5))
    }

    /// A cart around a framed Reserve request: number, request, timeout.
    static func message(_ framed: [UInt8], tag: Int, timeout: [UInt8]) -> [UInt8] {
        let number = tag + tagOffset
        let count = framed.count - 5
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8 + timeout.count)
        bytes.append(0x08)
        bytes.append(UInt8(number & 0x7f) | 0x80)
        bytes.append(UInt8(number >> 7))
        bytes.append(0x12)
        var rest = count
        while rest > 0x7f {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
        bytes.append(contentsOf: framed[5...])
        bytes.append(contentsOf: timeout)
        return bytes
    }

    func call(head: Int, _ framed: [UInt8], tag: Int) {
        let state = state.value
        if let reason = state.endedBy {
            lose(tag, reason)
            return
        }
        state.open.insert(tag)
        state.outbox.append(Self.message(framed, tag: tag, timeout: timeout))
        state.writer?.resume()
        state.writer = nil
    }

    func close() async {
        await stream.finish()
        await client.close()
        await loop.start { self.end("the stream was closed") }.value
    }

    private func lose(_ tag: Int, _ reason: String) {
        var answer = DirectAnswer()
        answer.transportFailure = reason
        answered(tag, answer, nil)
    }

    /// Ends the stream for good; what is on it has no answer.
    private func end(_ reason: String) {
        let state = state.value
        guard state.endedBy == nil else { return }
        state.endedBy = reason
        state.writer?.resume()
        state.writer = nil
        let lost = state.open
        state.open = []
        for tag in lost { lose(tag, reason) }
    }

    private func write() async {
        let state = state.value
        while state.endedBy == nil {
            if state.outbox.isEmpty {
                await withCheckedContinuation { state.writer = $0 }
            }
            let messages = state.outbox
            state.outbox.removeAll(keepingCapacity: true)
            do throws(Status) {
                for message in messages { try await stream.send(message) }
            } catch {
                end("\(error)")
            }
        }
    }

    private func read() async {
        do throws(Status) {
            while let message = try await stream.next() { take(message.bytes) }
            end("the server has ended the stream")
        } catch {
            end("\(error)")
        }
    }

    private func take(_ bytes: [UInt8]) {
        guard let response = try? Holdfast_V1_ReserveStreamResponse(serializedBytes: bytes) else {
            end("an answer that cannot be read")
            return
        }
        let tag = Int(response.correlationID) - Self.tagOffset
        guard state.value.open.remove(tag) != nil else {
            end("an answer to a cart that was not asked for")
            return
        }
        var answer = DirectAnswer()
        switch response.outcome {
        case .reservation(let reservation):
            answer.status = 0
            answer.framed = RequestTemplate(reservation).framed
            answered(tag, answer, nil)
        case .error(let error):
            let reason = error.reason.isEmpty ? nil : error.reason
            answer.status = Int(error.code)
            answered(tag, answer, CartRefusal(status: answer.status, reason: reason))
        case nil:
            lose(tag, "an answer without an outcome")
        }
    }
}
