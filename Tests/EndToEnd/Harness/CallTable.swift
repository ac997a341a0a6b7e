// Runs the cases of a JSON file through our own client: the same file that the foreign client runs.

import Foundation
import Messages
import RPC
import SwiftProtobuf

/// What a run of a file found.
struct TableOutcome: Decodable {
    var steps = 0
    /// What is wrong, with the case and the call that it was found in.
    var problems: [String] = []
}

/// A method that cases name: how its messages are made from JSON and read back.
struct WireMethod: Sendable {
    let request: @Sendable (String) throws -> [UInt8]
    let answer: @Sendable ([UInt8]) throws -> String

    init<Request: Message, Answer: Message>(_: Request.Type, _: Answer.Type) {
        request = { try Request(jsonString: $0).serializedBytes() }
        answer = { bytes in
            var options = JSONEncodingOptions()
            options.preserveProtoFieldNames = true
            return try Answer(serializedBytes: bytes).jsonString(options: options)
        }
    }
}

/// Runs cases, and remembers what they capture.
struct CallTable {
    let caller: Caller
    var names: [String: String]
    /// By the name that a step has under `as`; the empty name is for steps without.
    var tokens: [String: String] = [:]
    var outcome = TableOutcome()

    /// Runs every case of a file of `Cases`.
    mutating func run(_ file: String) async throws {
        let path = "\(Binary.project)/Tests/EndToEnd/Cases/\(file)"
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let cases = try JSONSerialization.jsonObject(with: data) as? [[String: Any]] ?? []
        for one in cases {
            for step in one["steps"] as? [[String: Any]] ?? [] {
                for problem in try await run(step) {
                    outcome.problems.append(
                        "\(one["name"] ?? ""), \(step["call"] ?? ""): \(problem)"
                    )
                }
                outcome.steps += 1
            }
        }
    }

    private mutating func run(_ step: [String: Any]) async throws -> [String] {
        let call = step["call"] as? String ?? ""
        let method = Self.methods[call]
        var message: [UInt8] = []
        if let hex = step["bytes"] as? String {
            message = bytes(hex)
        } else if let method, let request = step["request"] {
            let json = try JSONSerialization.data(withJSONObject: expand(request, names))
            message = try method.request(String(decoding: json, as: UTF8.self))
        }
        var problems: [String] = []
        var status: Status?
        var answer: Any = [:]
        var metadata = Metadata()
        if let token = tokens[step["as"] as? String ?? ""] {
            try metadata.add("authorization", "Bearer \(token)")
        }
        do throws(Status) {
            let reply = try await caller.client.unary(
                "/\(call)",
                message,
                metadata: metadata,
                timeoutMilliseconds: 20_000,
            )
            if let json = try? method?.answer(reply.message) {
                answer = (try? JSONSerialization.jsonObject(with: Data(json.utf8))) ?? answer
            }
        } catch {
            status = error
        }
        let code = status?.code.name ?? "OK"
        let expected = step["code"] as? String ?? "OK"
        if code != expected { problems.append("\(code) \(status?.message ?? ""), not \(expected)") }
        if let reason = step["reason"] as? String, status?.reason != reason {
            problems.append("reason \(status?.reason ?? ""), not \(reason)")
        }
        if let field = step["field"] as? String, status?.fields.contains(field) != true {
            problems.append("fields \(status?.fields ?? []), not \(field)")
        }
        for (path, value) in step["expect"] as? [String: Any] ?? [:] {
            let wanted = text(expand(value, names))
            let found = text(lookUp(answer, path))
            if found != wanted { problems.append("\(path) is \(found), not \(wanted)") }
        }
        for (name, path) in step["capture"] as? [String: String] ?? [:] {
            names[name] = text(lookUp(answer, path))
        }
        return problems
    }

    static let methods: [String: WireMethod] = {
        var methods: [String: WireMethod] = [:]
        func add<Request: Message, Answer: Message>(
            _ service: String,
            _ method: String,
            _ request: Request.Type,
            _ answer: Answer.Type,
        ) {
            methods["holdfast.v1.\(service)/\(method)"] = WireMethod(request, answer)
        }
        let stock = "InventoryService"
        add(stock, "Receive", Holdfast_V1_ReceiveRequest.self, Holdfast_V1_StockAnswer.self)
        add(stock, "Adjust", Holdfast_V1_AdjustRequest.self, Holdfast_V1_StockAnswer.self)
        add(stock, "MoveState", Holdfast_V1_MoveStateRequest.self, Holdfast_V1_StockAnswer.self)
        add(stock, "Transfer", Holdfast_V1_TransferRequest.self, Holdfast_V1_TransferAnswer.self)
        add(
            stock,
            "ReceiveTransfer",
            Holdfast_V1_ReceiveTransferRequest.self,
            Holdfast_V1_TransferAnswer.self,
        )
        add(
            stock,
            "SetSafetyStock",
            Holdfast_V1_SetSafetyStockRequest.self,
            Holdfast_V1_StockAnswer.self,
        )
        add(stock, "SetIncoming", Holdfast_V1_SetIncomingRequest.self, Holdfast_V1_StockAnswer.self)
        add(
            stock,
            "GetAvailability",
            Holdfast_V1_GetAvailabilityRequest.self,
            Holdfast_V1_GetAvailabilityResponse.self,
        )
        add(
            stock,
            "ListPositions",
            Holdfast_V1_ListPositionsRequest.self,
            Holdfast_V1_ListPositionsResponse.self,
        )
        add(
            stock,
            "ListLedger",
            Holdfast_V1_ListLedgerRequest.self,
            Holdfast_V1_ListLedgerResponse.self,
        )
        let holds = "ReservationService"
        let held = Holdfast_V1_Reservation.self
        add(holds, "Reserve", Holdfast_V1_ReserveRequest.self, held)
        add(holds, "GetReservation", Holdfast_V1_GetReservationRequest.self, held)
        add(holds, "Extend", Holdfast_V1_ExtendRequest.self, held)
        add(holds, "Confirm", Holdfast_V1_ConfirmRequest.self, held)
        add(holds, "Release", Holdfast_V1_ReleaseRequest.self, held)
        add(holds, "Change", Holdfast_V1_ChangeRequest.self, held)
        add(holds, "Transfer", Holdfast_V1_TransferReservationRequest.self, held)
        let orders = "OrderService"
        let order = Holdfast_V1_Order.self
        add(orders, "PlaceOrder", Holdfast_V1_PlaceOrderRequest.self, order)
        add(orders, "GetOrder", Holdfast_V1_GetOrderRequest.self, order)
        add(orders, "CancelOrder", Holdfast_V1_CancelOrderRequest.self, order)
        add(orders, "ShipOrder", Holdfast_V1_ShipOrderRequest.self, order)
        add(
            orders,
            "ListOrders",
            Holdfast_V1_ListOrdersRequest.self,
            Holdfast_V1_ListOrdersResponse.self,
        )
        addFulfilment { methods["holdfast.v1.FulfilmentService/\($0)"] = $1 }
        methods["grpc.health.v1.Health/Check"] = healthCheck
        return methods
    }()
}

// MARK: JSON

/// Fills in ${name}, {"$repeat": [text, n]} and {"$times": [n, entry]}.
private func expand(_ value: Any, _ names: [String: String]) -> Any {
    switch value {
    case let text as String:
        return names.reduce(text) { $0.replacingOccurrences(of: "${\($1.key)}", with: $1.value) }
    case let list as [Any]:
        return list.map { expand($0, names) }
    case let object as [String: Any]:
        if let parts = object["$repeat"] as? [Any], let text = parts.first as? String {
            return String(repeating: text, count: parts.last as? Int ?? 0)
        }
        if let parts = object["$times"] as? [Any], let entry = parts.last {
            return (0..<(parts.first as? Int ?? 0))
                .map { number in
                    expand(entry, names.merging(["i": "\(number)"]) { $1 })
                }
        }
        return object.mapValues { expand($0, names) }
    default:
        return value
    }
}

/// The value at a path such as `lines.0.held`; nil when it is not there.
private func lookUp(_ answer: Any, _ path: String) -> Any? {
    var value: Any? = answer
    for part in path.split(separator: ".") {
        if let list = value as? [Any] {
            let index = Int(part) ?? 0
            value = index < list.count ? list[index] : nil
        } else {
            value = (value as? [String: Any])?[String(part)]
        }
    }
    return value
}

private func text(_ value: Any?) -> String {
    switch value {
    case nil: return ""
    case let text as String: return text
    case let flag as Bool: return flag ? "True" : "False"
    case let value?: return "\(value)"
    }
}

private func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex)
    return stride(from: 0, to: digits.count - 1, by: 2)
        .compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }
}
