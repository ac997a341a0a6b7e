// Requests that are patched are those that swift-protobuf would have made, and replies that are
// scanned say what it would have read.

import Base
import Messages
import RPC
import SwiftProtobuf
import Testing

@testable import LoadKit

@Suite struct BenchRequestTests {
    private func plan(_ scenario: BenchScenario) -> BenchPlan {
        BenchPlan(BenchOptions(scenario: scenario, run: "t1"), book: BenchBook())
    }

    /// The message in a framed request, whose frame must fit.
    private func decoded<Request: Message>(_ framed: [UInt8]) throws -> Request {
        let length = framed[1..<5].reduce(0) { $0 << 8 | Int($1) }
        #expect(framed[0] == 0 && length == framed.count - 5)
        return try Request(serializedBytes: Array(framed[5...]))
    }

    @Test func `a patched Reserve is the message that it stands for`() throws {
        let plan = plan(.basket)
        var keys: Set<String> = []
        for number in 0..<300 {
            var operation = BenchOperation()
            let request: Holdfast_V1_ReserveRequest = try decoded(plan.next(&operation))
            let first = operation.subject.sku
            let hexadecimal = String(number, radix: 16)
            var expected = Holdfast_V1_ReserveRequest()
            expected.idempotencyKey =
                "bench-t1-" + String(repeating: "0", count: 16 - hexadecimal.count) + hexadecimal
            expected.lines = [0, 3_333, 6_666]
                .map { offset in
                    var line = Holdfast_V1_Demand()
                    line.sku = BenchNames(run: "t1").sku((first + offset) % 10_000)
                    line.node = "bench-node-t1"
                    line.quantity = 1
                    return line
                }
            expected.ttl.seconds = 7_200
            expected.owner = "bench-t1"
            #expect(request == expected)
            keys.insert(request.idempotencyKey)
        }
        #expect(keys.count == 300)
    }

    @Test func `wide reaches most of its SKUs, flash one`() {
        var skus: [BenchScenario: Set<Int>] = [:]
        for scenario in [BenchScenario.flash, .wide] {
            let plan = plan(scenario)
            for _ in 0..<50_000 {
                var operation = BenchOperation()
                _ = plan.next(&operation)
                skus[scenario, default: []].insert(operation.subject.sku)
            }
        }
        #expect(skus[.flash] == [0])
        #expect(skus[.wide]?.count ?? 0 > 9_800)
        #expect(skus[.wide]?.allSatisfy { (0..<10_000).contains($0) } == true)
    }

    @Test func `mixed keeps to its mix once there are holds, and works on what it was given`()
        throws
    {
        let plan = plan(.mixed)
        var counts: [BenchCall: Int] = [:]
        var skus: [ID: String] = [:]
        for number in 0..<2_000 {
            var operation = BenchOperation()
            let framed = plan.next(&operation)
            counts[operation.kind, default: 0] += 1
            let id = ID(high: UInt64(number + 1) << 16 | 0x8000, low: 1 << 63 | UInt64(number))
            switch operation.kind {
            case .reserve:
                let request: Holdfast_V1_ReserveRequest = try decoded(framed)
                skus[id] = request.lines[0].sku
            case .place:
                let request: Holdfast_V1_PlaceOrderRequest = try decoded(framed)
                let reservation = try #require(ID(request.reservationID))
                #expect(request.lines.map(\.sku) == [skus[reservation]])
                #expect(!request.externalID.contains("%"))
            case .confirm:
                let request: Holdfast_V1_ConfirmRequest = try decoded(framed)
                #expect(skus[try #require(ID(request.id))] != nil)
            case .read:
                let request: Holdfast_V1_GetReservationRequest = try decoded(framed)
                #expect(skus[try #require(ID(request.id))] != nil)
            case .release, .cancel, .check, .route, .routed: break
            }
            var reservation = Holdfast_V1_Reservation()
            reservation.id = "\(id)"
            var answer = DirectAnswer()
            answer.status = 0
            answer.framed = RequestTemplate(reservation).framed
            #expect(plan.ended(operation, answer, nil).kind == .accepted)
        }
        #expect(counts[.read] ?? 0 > 780 && counts[.reserve] ?? 0 < 640)
        #expect(counts[.cancel] ?? 0 > 90)
        #expect(plan.book.acknowledged.ids.count == counts[.reserve])
        #expect(plan.book.acknowledged.cancelled == counts[.cancel])
    }

    @Test func `carts that are routed name three SKUs, and their reservations are found`() throws {
        let plan = plan(.routed)
        for number in 0..<200 {
            var operation = BenchOperation()
            let request: Holdfast_V1_ReserveAndRouteRequest = try decoded(plan.next(&operation))
            #expect(Set(request.cart.lines.map(\.sku)).count == 3)
            var answer = DirectAnswer()
            answer.status = 0
            var routed = Holdfast_V1_RoutedReservation()
            let id = ID(high: UInt64(number + 1) << 16 | 0x8000, low: 1 << 63)
            routed.reservation.id = "\(id)"
            routed.reservation.owner = String(repeating: "o", count: 120)
            answer.framed = RequestTemplate(routed).framed
            #expect(plan.ended(operation, answer, nil).kind == .accepted)
            #expect(plan.book.acknowledged.ids.last == id)
        }
        #expect(plan.book.acknowledged.units == 600)
    }

    @Test func `an id is found in a reply, and nothing else is taken for one`() throws {
        var reservation = Holdfast_V1_Reservation()
        reservation.id = "0190a1b2-c3d4-8e5f-9a6b-7c8d9e0f1a2b"
        reservation.owner = "somebody"
        reservation.state = .held
        let framed = RequestTemplate(reservation).framed
        #expect(ReplyScan.id(framed: framed) == ID(reservation.id))
        reservation.id = "0190a1b2-c3d4-8e5f-9a6b-7c8d9e0f1a2x"
        #expect(ReplyScan.id(framed: RequestTemplate(reservation).framed) == nil)
        #expect(ReplyScan.id(framed: []) == nil)
        #expect(ReplyScan.id(framed: Array(framed.prefix(20))) == nil)
    }

    @Test(arguments: [0, 1, 127, 128, 15_999])
    func `a cart is the message around its request`(_ tag: Int) throws {
        var operation = BenchOperation()
        let framed = plan(.stream).next(&operation)
        var timeout = Holdfast_V1_ReserveStreamRequest()
        timeout.timeout.seconds = 10
        let bytes = CartStream.message(
            framed,
            tag: tag,
            timeout: try timeout.serializedBytes(),
        )
        let cart = try Holdfast_V1_ReserveStreamRequest(serializedBytes: bytes)
        #expect(cart.correlationID == UInt64(tag + 128))
        #expect(cart.timeout.seconds == 10)
        #expect(cart.cart == (try decoded(framed)))
    }

    private static let meanings: [(Int, String?, BenchOutcome.Kind, Bool)] = [
        (9, "SOLD_OUT", BenchOutcome.Kind.refused, false), (10, "CONTENDED", .refused, false),
        (8, "OVERLOADED", .refused, false), (8, nil, .refused, false),
        (14, "UNAVAILABLE", .refused, true), (14, nil, .failed, true), (9, nil, .failed, false),
        (4, nil, .failed, true), (13, nil, .failed, true), (3, "MALFORMED", .failed, false),
        (5, nil, .failed, false), (77, nil, .failed, true),
    ]

    @Test(arguments: meanings)
    func `refusals and failures are told apart`(
        _ status: Int,
        _ reason: String?,
        _ kind: BenchOutcome.Kind,
        _ isUnknown: Bool,
    ) {
        let outcome = BenchBook().outcome(status: status, reason: reason)
        #expect(outcome.kind == kind)
        #expect(outcome.isUnknown == isUnknown)
    }
}
