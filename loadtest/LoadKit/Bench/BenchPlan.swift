// What each call of a scenario asks, and what its answer is good for. Confined to the generator's loop.

internal import Base
internal import Messages
internal import RPC
internal import SwiftProtobuf

/// The names of a run: everything that it makes in the server's books is found by them.
package struct BenchNames: Hashable, Sendable {
    let run: String

    package init(run: String) {
        self.run = run
    }

    package var node: String { "bench-node-\(run)" }
    package var owner: String { "bench-\(run)" }
    package var channel: String { "bench-\(run)" }

    package func sku(_ number: Int) -> String {
        let digits = String(number)
        return "bench-\(run)-" + String(repeating: "0", count: 5 - digits.count) + digits
    }
}

/// One call that is under way.
struct BenchOperation {
    var kind = BenchCall.check
    /// When it was meant to be made, on the clock of `NIODeadline`, in nanoseconds.
    var intended: UInt64 = 0
    var isMeasured = false
    /// Whether it is under way at all.
    var isOpen = false
    /// The reservation or order that it works on.
    var subject = BenchSubject(id: ID(high: 0, low: 0), sku: 0)
}

/// A reservation or an order of one unit, and its SKU.
struct BenchSubject: Hashable {
    var id: ID
    var sku: Int
}

/// Makes the requests of a scenario.
final class BenchPlan {
    /// Holds outlast the run and its judging.
    private static let holdSeconds: Int64 = 7_200
    private static let keyMark = String(repeating: "#", count: 16)
    private static let idMark = String(repeating: "?", count: 36)
    private static let otherMark = String(repeating: "%", count: 16)
    private static let skuMarks = ["@@@@0", "@@@@1", "@@@@2"]
    /// Reservations that reads choose from.
    private static let readableMax = 4_096

    /// A template and the places in it.
    private struct Form {
        var template: RequestTemplate
        var key: RequestTemplate.Place?
        var id: RequestTemplate.Place?
        var other: RequestTemplate.Place?
        var skus: [RequestTemplate.Place] = []
    }

    let scenario: BenchScenario
    let book: BenchBook
    private let forms: [Form]
    private var number: UInt64 = 0
    private var holds: [BenchSubject] = []
    private var orders: [BenchSubject] = []
    private var readable: [BenchSubject] = []

    init(_ options: BenchOptions, book: BenchBook) {
        scenario = options.scenario
        self.book = book
        forms = BenchCall.allCases.map { Self.form($0, options) }
    }

    /// The heads that clients are made with, by the number of the kind.
    static func heads(_ options: BenchOptions) -> [DirectHead] {
        BenchCall.allCases.map {
            DirectHead(path: $0.path, timeoutMilliseconds: options.timeoutMilliseconds)
        }
    }

    // MARK: Requests

    /// The next request; notes in the operation what it is about.
    func next(_ operation: inout BenchOperation) -> [UInt8] {
        operation.kind = kind(of: number, &operation)
        let form = forms[operation.kind.rawValue]
        var bytes = form.template.framed
        if let place = form.key { bytes.write(hexadecimal: number, at: place) }
        if let place = form.other { bytes.write(hexadecimal: number, at: place) }
        if let place = form.id { bytes.write(operation.subject.id, at: place) }
        if !form.skus.isEmpty {
            if [.reserve, .route, .routed].contains(operation.kind) {
                operation.subject.sku = Int(Self.scatter(number) % UInt64(scenario.skus))
            }
            // Three lines lie a third of the catalogue apart, so that they are three SKUs.
            for (line, place) in form.skus.enumerated() {
                let sku = operation.subject.sku + line * scenario.skus / form.skus.count
                bytes.write(decimal: sku % scenario.skus, at: place)
            }
        }
        number += 1
        return bytes
    }

    private func kind(of number: UInt64, _ operation: inout BenchOperation) -> BenchCall {
        switch scenario {
        case .rpc: return .check
        case .mixed: break
        case .route: return .route
        case .routed: return .routed
        default: return .reserve
        }
        let wanted = BenchMix.pattern[Int(number % UInt64(BenchMix.pattern.count))]
        let subject: BenchSubject?
        switch wanted {
        case .check, .reserve, .route, .routed: subject = nil
        case .read:
            subject =
                readable.isEmpty
                ? nil : readable[Int(Self.scatter(number) % UInt64(readable.count))]
        case .confirm, .release, .place: subject = holds.popLast()
        case .cancel: subject = orders.popLast()
        }
        guard let subject else { return .reserve }
        operation.subject = subject
        return wanted
    }

    /// Spreads numbers that follow each other (the finalizer of SplitMix64).
    private static func scatter(_ number: UInt64) -> UInt64 {
        var value = number &+ 0x9e37_79b9_7f4a_7c15
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    // MARK: Answers

    /// Notes what an answer acknowledged; returns how the call ended.
    func ended(
        _ operation: BenchOperation,
        _ answer: borrowing DirectAnswer,
        _ refusal: CartRefusal?,
    ) -> BenchOutcome {
        let outcome: BenchOutcome
        if let refusal {
            outcome = book.outcome(status: refusal.status, reason: refusal.reason)
        } else {
            outcome = book.outcome(of: answer)
        }
        if outcome.kind == .accepted { return accepted(operation, answer.framed) }
        if outcome.isUnknown { unknown(operation) }
        return outcome
    }

    /// A call of which nobody knows what became.
    func unknown(_ operation: BenchOperation) {
        switch operation.kind {
        case .check, .read, .route: break
        case .reserve, .routed: book.acknowledged.unknownUnits += scenario.lines
        case .confirm, .release, .place, .cancel: book.acknowledged.unknownChanges += 1
        }
    }

    private func accepted(_ operation: BenchOperation, _ framed: [UInt8]) -> BenchOutcome {
        guard operation.kind != .check else { return .accepted }
        let scanned =
            operation.kind == .routed
            ? ReplyScan.innerID(framed: framed) : ReplyScan.id(framed: framed)
        guard let id = scanned else {
            unknown(operation)
            return book.failed("a reply without an id", isUnknown: true)
        }
        let subject = BenchSubject(id: id, sku: operation.subject.sku)
        switch operation.kind {
        case .check, .read, .route: break
        case .reserve, .routed:
            book.acknowledged.ids.append(id)
            book.acknowledged.units += scenario.lines
            if scenario == .mixed { held(subject) }
        case .confirm: book.acknowledged.confirmed += 1
        case .release: book.acknowledged.released += 1
        case .place:
            book.acknowledged.placed += 1
            orders.append(subject)
        case .cancel: book.acknowledged.cancelled += 1
        }
        return .accepted
    }

    private func held(_ subject: BenchSubject) {
        holds.append(subject)
        if readable.count < Self.readableMax {
            readable.append(subject)
        } else {
            readable[Int(number % UInt64(Self.readableMax))] = subject
        }
    }

    // MARK: Templates

    private static func form(_ kind: BenchCall, _ options: BenchOptions) -> Form {
        let names = BenchNames(run: options.run)
        let key = "bench-\(options.run)-\(keyMark)"
        switch kind {
        case .check:
            return Form(template: RequestTemplate(Google_Protobuf_Empty()))
        case .reserve:
            let marks = Array(skuMarks.prefix(options.scenario.lines))
            let template = RequestTemplate(reserveRequest(names, key: key, marks: marks))
            return Form(
                template: template,
                key: template.place(of: keyMark),
                skus: marks.map(template.place),
            )
        case .read:
            var request = Holdfast_V1_GetReservationRequest()
            request.id = idMark
            let template = RequestTemplate(request)
            return Form(template: template, id: template.place(of: idMark))
        case .confirm:
            var request = Holdfast_V1_ConfirmRequest()
            request.id = idMark
            request.idempotencyKey = key
            return changing(RequestTemplate(request))
        case .release:
            var request = Holdfast_V1_ReleaseRequest()
            request.id = idMark
            request.idempotencyKey = key
            return changing(RequestTemplate(request))
        case .place:
            let template = RequestTemplate(placeRequest(names, key: key))
            var form = changing(template)
            form.other = template.place(of: otherMark)
            form.skus = [template.place(of: skuMarks[0])]
            return form
        case .route, .routed:
            let marks = Array(skuMarks.prefix(options.scenario.lines))
            var template = RequestTemplate(BenchNetwork.cart(names, marks))
            if kind == .routed {
                template = RequestTemplate(BenchNetwork.routed(names, key: key, marks, holdSeconds))
            }
            return Form(
                template: template,
                key: kind == .routed ? template.place(of: keyMark) : nil,
                skus: marks.map(template.place),
            )
        case .cancel:
            var request = Holdfast_V1_CancelOrderRequest()
            request.id = idMark
            request.idempotencyKey = key
            return changing(RequestTemplate(request))
        }
    }

    private static func changing(_ template: RequestTemplate) -> Form {
        Form(
            template: template,
            key: template.place(of: keyMark),
            id: template.place(of: idMark),
        )
    }

    /// A Reserve of one unit of each SKU that the marks stand for.
    static func reserveRequest(
        _ names: BenchNames,
        key: String,
        marks: [String],
    ) -> Holdfast_V1_ReserveRequest {
        var request = Holdfast_V1_ReserveRequest()
        request.idempotencyKey = key
        request.lines = marks.map { mark in
            var line = Holdfast_V1_Demand()
            line.sku = "bench-\(names.run)-\(mark)"
            line.node = names.node
            line.quantity = 1
            return line
        }
        request.ttl.seconds = holdSeconds
        request.owner = names.owner
        return request
    }

    private static func placeRequest(
        _ names: BenchNames,
        key: String,
    ) -> Holdfast_V1_PlaceOrderRequest {
        var request = Holdfast_V1_PlaceOrderRequest()
        request.idempotencyKey = key
        request.channel = names.channel
        request.externalID = "bench-\(otherMark)"
        request.currency = "GBP"
        var line = Holdfast_V1_PlaceOrderLine()
        line.sku = "bench-\(names.run)-\(skuMarks[0])"
        line.node = names.node
        line.quantity = 1
        line.unitPriceMinor = 100
        request.lines = [line]
        request.reservationID = idMark
        return request
    }
}
