// The ledger for auditors over RPC: checks and moments, part by part.

internal import Base
internal import Domain
package import Loop
package import Messages
internal import NIOCore
package import Promising
package import RPC
internal import SwiftProtobuf

/// `holdfast.v1.LedgerService`, on one event loop.
package struct LedgerService<History: LedgerHistoryPort> {
    package static var name: String { "holdfast.v1.LedgerService" }

    private let history: History

    package init(history: History) {
        self.history = history
    }

    /// Adds every method to the registry of `loop`; called on that loop.
    package func register(
        on registry: inout ServiceRegistry,
        loop: Loop,
        newRequestID: @escaping RequestIDs,
    ) {
        let bound = NIOLoopBound(self, eventLoop: loop.eventLoop)
        func add<Request: SwiftProtobuf.Message, Reply: SwiftProtobuf.Message>(
            _ method: String,
            _ body: @escaping @Sendable (Self, Request, CallContext) async throws(Status) -> Reply,
        ) {
            registry.add(
                bound,
                service: Self.name,
                method: method,
                newRequestID: newRequestID,
                body,
            )
        }
        add("GetLedgerHead") { me, request, _ async throws(Status) in
            try await me.getLedgerHead(request)
        }
        add("VerifyLedger") { me, request, _ async throws(Status) in
            try await me.verifyLedger(request)
        }
        add("GetMoment") { me, request, _ async throws(Status) in
            try await me.getMoment(request)
        }
        add("ListPositionsAsOf") { me, request, _ async throws(Status) in
            try await me.listPositionsAsOf(request)
        }
        add("ListReservationsAsOf") { me, request, _ async throws(Status) in
            try await me.listReservationsAsOf(request)
        }
    }

    // MARK: The chain

    package func getLedgerHead(
        _: Holdfast_V1_GetLedgerHeadRequest
    ) async throws(Status) -> Holdfast_V1_LedgerHead {
        let head = try await answering { () async throws(Failure) in try await history.head() }
        var answer = Holdfast_V1_LedgerHead()
        answer.seal = head.seal?.number ?? 0
        answer.digest = head.seal?.digest ?? ""
        answer.batch = head.batch
        if let at = head.sealedAt { answer.sealedAt = Google_Protobuf_Timestamp(at) }
        answer.unsealedRows = head.unsealedRows
        if let at = head.unsealedSince { answer.unsealedSince = Google_Protobuf_Timestamp(at) }
        return answer
    }

    package func verifyLedger(
        _ request: Holdfast_V1_VerifyLedgerRequest
    ) async throws(Status) -> Holdfast_V1_VerifyLedgerResponse {
        var validator = Validator()
        if !request.expectDigest.isEmpty, !isDigest(request.expectDigest) {
            validator.fail("expect_digest", "must be 64 hexadecimal digits")
        }
        try validator.check()
        let fingerprint = PageToken.fingerprint("VerifyLedger", [request.expectDigest])
        let place = try VerifyPlace(request.pageToken, fingerprint)
        var answer = Holdfast_V1_VerifyLedgerResponse()
        var next: VerifyPlace?
        switch place {
        case .seals(let number):
            next = try await verifySeals(after: number, request.expectDigest, &answer)
        case .positions(let id):
            answer.part = .positions
            let part = try await answering { () async throws(Failure) in
                try await history.checkPositions(after: id)
            }
            answer.add(part)
            next = part.next.map { .positions(after: $0) } ?? .reservations(after: nil)
        case .reservations(let id):
            answer.part = .reservations
            let part = try await answering { () async throws(Failure) in
                try await history.checkReservations(after: id)
            }
            answer.add(part)
            next = part.next.map { .reservations(after: $0) }
        }
        if let next {
            answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: next.bytes).text
        }
        return answer
    }

    private func verifySeals(
        after number: Int64,
        _ expected: String,
        _ answer: inout Holdfast_V1_VerifyLedgerResponse,
    ) async throws(Status) -> VerifyPlace {
        answer.part = .seals
        let (part, seals) = try await answering { () async throws(Failure) in
            try await history.checkSeals(after: number)
        }
        answer.add(part)
        answer.seal = seals.last?.number ?? 0
        if !expected.isEmpty {
            answer.expectedSeal = seals.first { $0.digest == expected.lowercased() }?.number ?? 0
        }
        if let next = part.next { return .seals(after: next) }
        // At the end of the chain: what is beyond it must be of batches that were given out.
        let head = try await answering { () async throws(Failure) in try await history.head() }
        answer.findings += head.strangers.prefix(20)
            .map {
                Holdfast_V1_LedgerFinding(
                    LedgerFinding(
                        fault: .rowAdded,
                        place: $0,
                        detail: "belongs to a batch that was never given out",
                    )
                )
            }
        return .positions(after: 0)
    }

    // MARK: Moments

    package func getMoment(
        _ request: Holdfast_V1_GetMomentRequest
    ) async throws(Status) -> Holdfast_V1_Moment {
        var validator = Validator()
        if !request.hasAt { validator.fail("at", "must be said") }
        let at = validator.instant(request.at, "at")
        try validator.check()
        guard let at else { invariantBroken("a moment that was checked is there") }
        let outcome = try await answering { () async throws(Failure) in
            try await history.batch(at: at)
        }
        guard case .batch(let batch) = outcome else {
            let what = "has not come yet, by the clock of the database"
            throw Status(
                .invalidArgument,
                "at \(what)",
                details: [.badRequest([FieldViolation(field: "at", description: what)])],
            )
        }
        var answer = Holdfast_V1_Moment()
        answer.at = Google_Protobuf_Timestamp(at)
        answer.batch = batch
        return answer
    }

    package func listPositionsAsOf(
        _ request: Holdfast_V1_ListPositionsAsOfRequest
    ) async throws(Status) -> Holdfast_V1_ListPositionsAsOfResponse {
        var validator = Validator()
        validator.quantity(request.batch, "batch", in: 0...Int64.max)
        let size = validator.pageSize(
            request.pageSize,
            "page_size",
            standard: 200,
            max: Limits.momentPositionsMax,
        )
        try validator.check()
        let fingerprint = PageToken.fingerprint("ListPositionsAsOf", ["\(request.batch)"])
        var cursor: PositionKey?
        if !request.pageToken.isEmpty {
            var reader = CursorReader(
                try PageToken(request.pageToken, fingerprint: fingerprint).cursor
            )
            guard let sku = reader.text(), let node = reader.text(), reader.isAtEnd else {
                throw PageToken.refusal("is no page token of ours")
            }
            cursor = PositionKey(sku: sku, node: node)
        }
        let after = cursor
        let (positions, next) = try await answering { () async throws(Failure) in
            try await history.positions(asOf: request.batch, after: after, limit: size)
        }
        var answer = Holdfast_V1_ListPositionsAsOfResponse()
        answer.positions = positions.map { Holdfast_V1_Position($0) }
        if let next {
            var bytes: [UInt8] = []
            bytes.appendCursor(next.sku)
            bytes.appendCursor(next.node)
            answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: bytes).text
        }
        return answer
    }

    package func listReservationsAsOf(
        _ request: Holdfast_V1_ListReservationsAsOfRequest
    ) async throws(Status) -> Holdfast_V1_ListReservationsAsOfResponse {
        var validator = Validator()
        validator.quantity(request.batch, "batch", in: 0...Int64.max)
        let size = validator.pageSize(
            request.pageSize,
            "page_size",
            standard: 1_000,
            max: Limits.momentReservationsMax,
        )
        try validator.check()
        let fingerprint = PageToken.fingerprint("ListReservationsAsOf", ["\(request.batch)"])
        var cursor: ID?
        if !request.pageToken.isEmpty {
            var reader = CursorReader(
                try PageToken(request.pageToken, fingerprint: fingerprint).cursor
            )
            guard let id = reader.id(), reader.isAtEnd else {
                throw PageToken.refusal("is no page token of ours")
            }
            cursor = id
        }
        let after = cursor
        let (reservations, next) = try await answering { () async throws(Failure) in
            try await history.reservations(asOf: request.batch, after: after, limit: size)
        }
        var answer = Holdfast_V1_ListReservationsAsOfResponse()
        answer.reservations = reservations.map { Holdfast_V1_Reservation($0) }
        if let next {
            var bytes: [UInt8] = []
            bytes.appendCursor(next)
            answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: bytes).text
        }
        return answer
    }
}

/// Where a check goes on.
private enum VerifyPlace {
    case seals(after: Int64)
    case positions(after: Int64)
    case reservations(after: ID?)

    /// Reads a page token; an empty one stands for the beginning.
    init(_ token: String, _ fingerprint: ID) throws(Status) {
        if token.isEmpty {
            self = .seals(after: 0)
            return
        }
        var reader = CursorReader(try PageToken(token, fingerprint: fingerprint).cursor)
        let part = reader.number()
        let place: VerifyPlace?
        switch part {
        case 1: place = reader.number().map { .seals(after: $0) }
        case 2: place = reader.number().map { .positions(after: $0) }
        case 3 where reader.isAtEnd: place = .reservations(after: nil)
        case 3: place = reader.id().map { .reservations(after: $0) }
        default: place = nil
        }
        guard let place, reader.isAtEnd else {
            throw PageToken.refusal("is no page token of ours")
        }
        self = place
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .seals(let number):
            bytes.appendCursor(1)
            bytes.appendCursor(number)
        case .positions(let id):
            bytes.appendCursor(2)
            bytes.appendCursor(id)
        case .reservations(let id):
            bytes.appendCursor(3)
            if let id { bytes.appendCursor(id) }
        }
        return bytes
    }
}

/// Whether a text is a SHA-256 in hexadecimal digits.
private func isDigest(_ text: String) -> Bool {
    text.utf8.count == 64 && text.allSatisfy(\.isHexDigit)
}

extension Holdfast_V1_VerifyLedgerResponse {
    fileprivate mutating func add<Cursor>(_ part: CheckedPart<Cursor>) {
        checked = Int64(part.checked)
        rows = part.rows
        findings += part.findings.map { Holdfast_V1_LedgerFinding($0) }
        repaired += part.repaired.map { Holdfast_V1_LedgerFinding($0) }
    }
}

extension Holdfast_V1_LedgerFinding {
    fileprivate init(_ finding: LedgerFinding) {
        self.init()
        fault =
            switch finding.fault {
            case .chainBroken: .chainBroken
            case .sealChanged: .sealChanged
            case .rowChanged: .rowChanged
            case .rowRemoved: .rowRemoved
            case .rowAdded: .rowAdded
            case .versionGap: .versionGap
            case .freeWrong: .freeWrong
            case .balanceWrong: .balanceWrong
            case .reservationWrong: .reservationWrong
            }
        seal = finding.seal
        batch = finding.batch
        place = finding.place
        detail = finding.detail
    }
}
