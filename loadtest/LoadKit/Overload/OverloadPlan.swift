// The requests of an overload run, encoded once and patched for each call.

internal import Base
internal import Messages
internal import RPC
internal import SwiftProtobuf

/// The names of a run: everything that it makes in the server's books is found by them.
struct OverloadNames: Hashable, Sendable {
    let run: String

    var node: String { "overload-\(run)" }

    func sku(_ number: Int) -> String {
        let digits = String(number)
        return "overload-\(run)-" + String(repeating: "0", count: 3 - digits.count) + digits
    }
}

/// Makes the requests and the heads of a run.
struct OverloadPlan: Sendable {
    /// A call says how much of its time is left in steps of a sixteenth, because heads are made once.
    private static let steps = 16
    /// Holds outlast the run.
    private static let holdSeconds: Int64 = 3_600
    private static let keyMark = String(repeating: "#", count: 16)
    private static let idMark = String(repeating: "?", count: 36)
    private static let sameIDMark = String(repeating: "%", count: 36)
    private static let skuMark = "@@@"

    private let skus: Int
    private let stepNanoseconds: UInt64
    /// From the moment that a call is meant to be made, in nanoseconds.
    let deadlineNanoseconds: UInt64
    let heads: [DirectHead]

    private let reserve: RequestTemplate
    private let reserveKey: RequestTemplate.Place
    private let reserveSKU: RequestTemplate.Place
    private let confirm: RequestTemplate
    private let confirmID: RequestTemplate.Place
    private let confirmKey: RequestTemplate.Place
    private let read: RequestTemplate
    private let readID: RequestTemplate.Place

    init(_ options: OverloadOptions) {
        skus = options.skus
        deadlineNanoseconds = UInt64(options.deadlineMilliseconds) * 1_000_000
        stepNanoseconds = deadlineNanoseconds / UInt64(Self.steps)
        heads = OverloadCall.allCases.flatMap { kind in
            (1...Self.steps)
                .map { step in
                    DirectHead(
                        path: "/holdfast.v1.ReservationService/\(kind.name)",
                        timeoutMilliseconds: max(
                            1,
                            options.deadlineMilliseconds * Int64(step) / Int64(Self.steps),
                        ),
                    )
                }
        }
        let names = OverloadNames(run: options.run)
        reserve = RequestTemplate(Self.reserveRequest(names))
        reserveKey = reserve.place(of: Self.keyMark)
        reserveSKU = reserve.place(of: Self.skuMark)
        var confirmation = Holdfast_V1_ConfirmRequest()
        confirmation.id = Self.idMark
        confirmation.idempotencyKey = "overload-\(options.run)-confirm-\(Self.sameIDMark)"
        confirm = RequestTemplate(confirmation)
        confirmID = confirm.place(of: Self.idMark)
        confirmKey = confirm.place(of: Self.sameIDMark)
        var question = Holdfast_V1_GetReservationRequest()
        question.id = Self.idMark
        read = RequestTemplate(question)
        readID = read.place(of: Self.idMark)
    }

    private static func reserveRequest(_ names: OverloadNames) -> Holdfast_V1_ReserveRequest {
        var request = Holdfast_V1_ReserveRequest()
        request.idempotencyKey = "overload-\(names.run)-\(keyMark)"
        var line = Holdfast_V1_Demand()
        line.sku = "overload-\(names.run)-\(skuMark)"
        line.node = names.node
        line.quantity = 1
        request.lines = [line]
        request.ttl.seconds = holdSeconds
        request.owner = "overload"
        return request
    }

    /// The number of the head for a call of which so much time has passed; nil when too little of it
    /// is left to say so.
    func head(_ kind: OverloadCall, passed: UInt64) -> Int? {
        let spent = Int((passed + stepNanoseconds / 2) / max(stepNanoseconds, 1))
        guard spent < Self.steps else { return nil }
        return kind.rawValue * Self.steps + Self.steps - 1 - spent
    }

    /// A framed request; `subject` is what a confirmation or a read is about.
    func request(_ kind: OverloadCall, _ number: Int, subject: ID) -> [UInt8] {
        var bytes: [UInt8]
        switch kind {
        case .reserve:
            bytes = reserve.framed
            bytes.write(hexadecimal: UInt64(number), at: reserveKey)
            bytes.write(decimal: number % skus, at: reserveSKU)
        case .confirm:
            // Under its own key a confirmation can be made again whatever became of the one before.
            bytes = confirm.framed
            bytes.write(subject, at: confirmID)
            bytes.write(subject, at: confirmKey)
        case .read:
            bytes = read.framed
            bytes.write(subject, at: readID)
        }
        return bytes
    }
}
