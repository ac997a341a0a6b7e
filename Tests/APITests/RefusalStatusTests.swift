// Every refusal and every failure as a caller sees it.

import Base
import Domain
import Promising
import RPC
import Testing

@testable import API

@Suite struct RefusalStatusTests {
    private static let key = PositionKey(sku: "A", node: "LON")
    private static let id = ID(high: 1, low: 2)

    /// One row for each refusal: code, reason, field, other details.
    static let table: [(Refusal, StatusCode, String, String, [String])] = [
        (
            .soldOut(line: 2, key: key, requested: 5, available: 1), .failedPrecondition,
            "SOLD_OUT", "lines[2].quantity", ["precondition"]
        ),
        (
            .contended(line: 0, key: key, requested: 5, available: 1), .aborted, "CONTENDED",
            "lines[0].quantity", ["retry"]
        ),
        (
            .unknownPosition(line: 1, key: key, unknown: .sku), .notFound, "SKU_UNKNOWN",
            "lines[1].sku", ["bad"]
        ),
        (
            .unknownPosition(line: 1, key: key, unknown: .node), .notFound, "NODE_UNKNOWN",
            "lines[1].node", ["bad"]
        ),
        (
            .unknownPosition(line: 1, key: key, unknown: .combination), .notFound,
            "POSITION_UNKNOWN", "lines[1].sku", ["bad"]
        ),
        (.keyReused, .alreadyExists, "KEY_REUSED", "idempotency_key", ["bad"]),
        (
            .notFound(kind: .reservation, id: "x"), .notFound, "RESERVATION_NOT_FOUND", "id",
            ["bad", "resource"]
        ),
        (
            .notFound(kind: .order, id: "x"), .notFound, "ORDER_NOT_FOUND", "id",
            ["bad", "resource"]
        ),
        (
            .notFound(kind: .transfer, id: "x"), .notFound, "TRANSFER_NOT_FOUND", "id",
            ["bad", "resource"]
        ),
        (
            .wrongState(kind: .order, id: "x", state: "SHIPPED"), .failedPrecondition,
            "WRONG_STATE", "id", ["precondition"]
        ),
        (
            .reservationExpired(id: id), .failedPrecondition, "RESERVATION_EXPIRED", "id",
            ["precondition"]
        ),
        (
            .notEnough(line: 3, key: key, requested: 5, available: 1, what: "damaged"),
            .failedPrecondition, "NOT_ENOUGH", "lines[3].quantity", ["precondition"]
        ),
        (
            .linesDiffer(line: -1, key: key, expected: 5, given: 1), .failedPrecondition,
            "LINES_DIFFER", "lines", ["precondition"]
        ),
        (
            .unknownLine(line: 1, number: 9), .notFound, "LINE_UNKNOWN", "lines[1].number", ["bad"]
        ),
        (
            .externalIDTaken(orderID: id), .alreadyExists, "EXTERNAL_ID_TAKEN", "external_id",
            ["bad", "resource"]
        ),
        (
            .tooMany(line: 0, key: key), .failedPrecondition, "TOO_MANY", "lines[0].quantity",
            ["precondition"]
        ),
    ]

    @Test func `every refusal has its code, reason, field and details`() {
        for (refusal, code, reason, field, others) in Self.table {
            let status = Status(refusal)
            #expect(status.code == code, "\(refusal)")
            guard case .errorInfo(reason, "holdfast", let metadata) = status.details.first else {
                Issue.record("\(refusal): \(status.details)")
                continue
            }
            #expect(metadata["field"] == field, "\(refusal)")
            #expect(status.details.dropFirst().map(kind) == others, "\(refusal)")
            for case .badRequest(let violations) in status.details {
                #expect(violations.map(\.field) == [field])
            }
        }
    }

    @Test func `sold out says what, where and how many`() {
        guard case .errorInfo(_, _, let metadata) = Status(Self.table[0].0).details[0] else {
            Issue.record("no ErrorInfo")
            return
        }
        #expect(
            metadata == [
                "sku": "A", "node": "LON", "requested": "5", "available": "1",
                "field": "lines[2].quantity",
            ]
        )
    }

    @Test func `fields follow the shape of the request`() {
        let unknown = Refusal.unknownPosition(line: 0, key: Self.key, unknown: .node)
        #expect(field(unknown, .single) == "node")
        #expect(field(unknown, RequestFields(toNode: "LON")) == "to_node")
        #expect(field(unknown, RequestFields(toNode: "MAN")) == "from_node")
        let missing = Refusal.notFound(kind: .transfer, id: "x")
        #expect(field(missing, RequestFields(id: "transfer_id")) == "transfer_id")
        #expect(field(.tooMany(line: 0, key: Self.key), .single) == "quantity")
        #expect(
            field(.tooMany(line: 4, key: Self.key), RequestFields(quantity: "delta"))
                == "lines[4].delta"
        )
    }

    @Test func `every failure has its code and says whether to try again`() {
        let unavailable = Status(Failure.unavailable(what: "postgres", retryAfterMs: 250))
        #expect(unavailable.code == .unavailable)
        #expect(unavailable.details.contains(.retryInfo(delayMilliseconds: 250)))
        let overloaded = Status(Failure.overloaded(what: "queue", retryAfterMs: 9))
        #expect(overloaded.code == .resourceExhausted)
        #expect(overloaded.details.contains(.retryInfo(delayMilliseconds: 9)))
        #expect(Status(Failure.deadlineExceeded).code == .deadlineExceeded)
        #expect(Status(Failure.broken("x")).code == .internal)
    }

    private func field(_ refusal: Refusal, _ fields: RequestFields) -> String? {
        for case .errorInfo(_, _, let metadata) in Status(refusal, fields: fields).details {
            return metadata["field"]
        }
        return nil
    }

    private func kind(_ detail: StatusDetail) -> String {
        switch detail {
        case .badRequest: "bad"
        case .preconditionFailure: "precondition"
        case .errorInfo: "info"
        case .retryInfo: "retry"
        case .resourceInfo: "resource"
        case .other: "other"
        }
    }
}
