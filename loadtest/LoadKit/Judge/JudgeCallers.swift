// Callers as they are: each has a deadline of its own, asks again with the same key when it does not
// know, on the other server too, or goes away for good, and comes back later for what it holds. They
// write down all they hear and judge nothing.

internal import Foundation
internal import Loop
internal import Messages
internal import NIOCore
internal import RPC
internal import SwiftProtobuf

/// Connections of the callers to both servers, kept over the rounds.
struct JudgeCallers: Sendable {
    /// Connections to each server.
    private static let connections = 2

    private let clients: [[RPCClient]]

    /// Connects.
    init(ports: [Int], loop: Loop) async throws {
        var clients: [[RPCClient]] = []
        for port in ports {
            var ofServer: [RPCClient] = []
            for _ in 0..<Self.connections {
                var configuration = RPCClientConfiguration()
                configuration.connectMillisecondsMax = 500
                ofServer.append(
                    try await RPCClient.connect(
                        host: "127.0.0.1",
                        port: port,
                        loop: loop,
                        configuration: configuration,
                    )
                )
            }
            clients.append(ofServer)
        }
        self.clients = clients
    }

    func close() async {
        for client in clients.joined() { await client.close() }
    }

    /// Asks once, and adds the attempt to the wish.
    func ask(_ wish: inout Wish, server: Int, connection: Int, timeoutMs: Int64) async {
        let client = clients[server][connection % Self.connections]
        let begin = judgeNow()
        var attempt = Attempt(server: server, begin: begin, end: begin, answer: "OK")
        do throws(Status) {
            let answer = try await client.unary(
                wish.path,
                wish.message,
                timeoutMilliseconds: timeoutMs,
            )
            if wish.isReserve, let hold = Hold(answer.message) { attempt.hold = hold }
        } catch {
            attempt.answer = error.reason
            attempt.message = error.message
            for case .errorInfo(_, _, let metadata) in error.details {
                attempt.sku = metadata["sku"]
                attempt.requested = metadata["requested"].flatMap { Int64($0) }
            }
        }
        attempt.end = judgeNow()
        wish.attempts.append(attempt)
    }

    /// Asks until there is an answer, or until `giveUp`, a moment of the machine's clock.
    ///
    /// - Parameters:
    ///   - patience: how often holds of others that are about to be decided may send it away.
    ///   - losesHeart: in how many of a hundred cases it goes away when it does not know.
    func insist(
        _ wish: inout Wish,
        _ random: inout JudgeRandom,
        giveUp: Int64,
        patience: Int = .max,
        losesHeart: Int = 0,
    ) async {
        var server = Int.random(in: 0...1, using: &random)
        var contended = 0
        while true {
            await ask(
                &wish,
                server: server,
                connection: Int.random(in: 0..<Self.connections, using: &random),
                timeoutMs: Int64.random(in: 300...1_500, using: &random),
            )
            if wish.attempts.last?.answer == "CONTENDED", contended < patience {
                contended += 1
            } else if wish.outcome != nil {
                return
            } else if random.chance(losesHeart) {
                wish.isAbandoned = true
                return
            }
            if judgeNow() > giveUp { return }
            try? await Task.sleep(for: .milliseconds(Int.random(in: 5...50, using: &random)))
            if random.chance(60) { server = 1 - server }
        }
    }
}

/// One caller of a round.
struct JudgeCaller: Sendable {
    let callers: JudgeCallers
    /// Where the stock of the round is.
    let node: String
    let skus: [String]
    /// SKUs that everybody wants for a moment, one after the other, and nobody touches again: what goes
    /// wrong there is not put right by whoever comes next.
    let briefSKUs: [String]
    /// A SKU of which there is enough for all.
    let ampleSKU: String
    let name: String
    var random: JudgeRandom

    /// Calls until `end`, and insists on answers until `giveUp`; returns all that it wanted.
    @concurrent
    func work(until end: Int64, giveUp: Int64) async -> [Wish] {
        var random = random
        var wishes: [Wish] = []
        var number = 0
        let begin = judgeNow()
        while judgeNow() < end {
            number += 1
            let key = "\(name)-\(number)"
            if random.chance(4) {
                var wish = Wish(kind: .receive, key: key)
                wish.lines = [line(1...4, &random)]
                await callers.insist(&wish, &random, giveUp: giveUp)
                wishes.append(wish)
                continue
            }
            if random.chance(45) {
                let part = Double(judgeNow() - begin) / Double(max(1, end - begin))
                let index = min(briefSKUs.count - 1, Int(part * Double(briefSKUs.count)))
                let sku = random.chance(60) ? briefSKUs[index] : ampleSKU
                var wish = Wish(kind: .reserve, key: key, ttlMs: 600_000)
                wish.lines = [JudgeLine(sku: sku, quantity: 1)]
                await callers.insist(&wish, &random, giveUp: giveUp, patience: 3, losesHeart: 25)
                wishes.append(wish)
                continue
            }
            let msLeft = (end - judgeNow()) / 1_000
            var wish = Wish(kind: .reserve, key: key)
            wish.lines = (0..<Int.random(in: 1...3, using: &random))
                .map { _ in line(1...3, &random) }
            // Either it expires while we look, or long after.
            wish.ttlMs =
                random.chance(50)
                ? Int64.random(in: 1_000...max(1_001, msLeft + 500), using: &random) : 600_000
            await callers.insist(
                &wish,
                &random,
                giveUp: giveUp,
                patience: 3,
                losesHeart: 25,
            )
            wishes.append(wish)
            if wish.outcome?.isDone == true {
                await comeBack(wish, &wishes, &random, giveUp: giveUp)
            }
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0...15, using: &random)))
        }
        return wishes
    }

    private func line(_ units: ClosedRange<Int64>, _ random: inout JudgeRandom) -> JudgeLine {
        JudgeLine(
            sku: skus.randomElement(using: &random) ?? "",
            quantity: Int64.random(in: units, using: &random),
        )
    }

    /// What a caller does with a hold.
    private func comeBack(
        _ held: Wish,
        _ wishes: inout [Wish],
        _ random: inout JudgeRandom,
        giveUp: Int64,
    ) async {
        guard let hold = held.outcome?.hold else { return }
        var next: [Wish] = []
        if random.chance(10) {
            next.append(Wish(kind: .again, key: held.key, lines: held.lines, ttlMs: held.ttlMs))
        }
        if random.chance(4) {
            var other = held.lines
            other[0].quantity += 1
            next.append(Wish(kind: .reuse, key: held.key, lines: other, ttlMs: held.ttlMs))
        }
        let dice = Int.random(in: 0..<100, using: &random)
        let kind: Wish.Kind? =
            switch dice {
            case ..<15: .confirm
            case ..<60: .release
            case ..<70: .order
            default: nil
            }
        if let kind {
            next.append(
                Wish(
                    kind: kind,
                    key: "\(held.key)-\(kind.rawValue)",
                    lines: held.lines,
                    reservation: hold.id,
                )
            )
        }
        for var wish in next {
            await callers.insist(&wish, &random, giveUp: giveUp)
            wishes.append(wish)
        }
    }
}

extension Wish {
    /// Where the SKUs of a round are: the part of a SKU before the last dash.
    static func node(of sku: String) -> String {
        String(sku[..<(sku.lastIndex(of: "-") ?? sku.endIndex)])
    }

    var isReserve: Bool { kind == .reserve || kind == .again || kind == .reuse }

    /// The key that Reserve is asked with; it is the owner too, so that Postgres has it in plain text.
    var path: String {
        switch kind {
        case .reserve, .again, .reuse: "/holdfast.v1.ReservationService/Reserve"
        case .confirm: "/holdfast.v1.ReservationService/Confirm"
        case .release: "/holdfast.v1.ReservationService/Release"
        case .order: "/holdfast.v1.OrderService/PlaceOrder"
        case .receive: "/holdfast.v1.InventoryService/Receive"
        }
    }

    /// The request as bytes.
    var message: [UInt8] {
        // Only a string that is no Unicode could fail.
        (try? encoded()) ?? []
    }

    private func encoded() throws -> [UInt8] {
        switch kind {
        case .reserve, .again, .reuse:
            var request = Holdfast_V1_ReserveRequest()
            request.idempotencyKey = key
            request.owner = key
            request.ttl = .init(seconds: ttlMs / 1_000, nanos: Int32(ttlMs % 1_000) * 1_000_000)
            request.lines = lines.map { line in
                var demand = Holdfast_V1_Demand()
                demand.sku = line.sku
                demand.node = Self.node(of: line.sku)
                demand.quantity = line.quantity
                return demand
            }
            return try request.serializedBytes()
        case .confirm:
            var request = Holdfast_V1_ConfirmRequest()
            request.id = reservation ?? ""
            request.idempotencyKey = key
            return try request.serializedBytes()
        case .release:
            var request = Holdfast_V1_ReleaseRequest()
            request.id = reservation ?? ""
            request.idempotencyKey = key
            return try request.serializedBytes()
        case .order: return try order.serializedBytes()
        case .receive:
            var request = Holdfast_V1_ReceiveRequest()
            request.idempotencyKey = key
            request.lines = lines.map { line in
                var stock = Holdfast_V1_StockLine()
                stock.sku = line.sku
                stock.node = Self.node(of: line.sku)
                stock.quantity = line.quantity
                return stock
            }
            return try request.serializedBytes()
        }
    }

    private var order: Holdfast_V1_PlaceOrderRequest {
        var request = Holdfast_V1_PlaceOrderRequest()
        request.idempotencyKey = key
        request.channel = "judge"
        request.externalID = key
        request.currency = "EUR"
        request.reservationID = reservation ?? ""
        request.lines = lines.map { line in
            var ordered = Holdfast_V1_PlaceOrderLine()
            ordered.sku = line.sku
            ordered.node = Self.node(of: line.sku)
            ordered.quantity = line.quantity
            ordered.unitPriceMinor = 100
            return ordered
        }
        return request
    }
}

extension Hold {
    /// Reads the answer to a Reserve.
    fileprivate init?(_ bytes: [UInt8]) {
        guard let answer = try? Holdfast_V1_Reservation(serializedBytes: bytes) else { return nil }
        id = answer.id
        createdAt = answer.createdAt.seconds * 1_000_000 + Int64(answer.createdAt.nanos / 1_000)
        expiresAt = answer.expiresAt.seconds * 1_000_000 + Int64(answer.expiresAt.nanos / 1_000)
    }
}
