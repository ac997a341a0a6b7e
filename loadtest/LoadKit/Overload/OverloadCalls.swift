// One call of the overload run: made, judged, written into the book. On the generator's loop.

internal import Messages
internal import NIOCore
internal import RPC
internal import SwiftProtobuf

/// Makes calls through several connections, in turn.
struct OverloadCalls: Sendable {
    private static let service = "/holdfast.v1.ReservationService/"
    /// Holds outlast the run.
    private static let holdSeconds: Int64 = 3_600

    let clients: [RPCClient]
    let book: NIOLoopBound<OverloadBook>
    let run: String
    let deadlineMilliseconds: Int64

    /// Makes a call that was meant to be made at `meant`; returns the status of one that was not
    /// accepted.
    @discardableResult
    func make(
        _ kind: OverloadCall,
        _ number: Int,
        meant: ContinuousClock.Instant,
    ) async -> Status? {
        let book = book.value
        let behind = ContinuousClock.now - meant
        book.started(kind, microsecondsBehind: Self.microseconds(behind))
        let left = deadlineMilliseconds - Int64(Self.microseconds(behind) / 1_000)
        guard left > 0 else {
            book.tooLate(kind)
            return nil
        }
        do throws(Status) {
            switch kind {
            case .reserve:
                let request = reserveRequest(number, book)
                book.reserved(try await id(of: "Reserve", request, number, left))
            case .confirm:
                try await confirm(number, left, book)
            case .read:
                var request = Holdfast_V1_GetReservationRequest()
                request.id = book.knownID(number) ?? ""
                _ = try await id(of: "GetReservation", request, number, left)
            }
            let now = ContinuousClock.now
            book.accepted(kind, microseconds: Self.microseconds(now - meant), at: now)
            return nil
        } catch {
            book.ended(kind, error)
            return error
        }
    }

    private func confirm(_ number: Int, _ left: Int64, _ book: OverloadBook) async throws(Status) {
        guard let hold = book.takeHold() else {
            throw Status(.internal, "the generator has nothing to confirm")
        }
        var request = Holdfast_V1_ConfirmRequest()
        request.id = hold
        request.idempotencyKey = "overload-\(run)-confirm-\(hold)"
        do throws(Status) {
            _ = try await id(of: "Confirm", request, number, left)
            book.confirmed()
        } catch {
            // Under its own key a confirmation can be made again whatever became of this one.
            book.putBack(hold)
            throw error
        }
    }

    private func reserveRequest(
        _ number: Int,
        _ book: OverloadBook,
    ) -> Holdfast_V1_ReserveRequest {
        var request = Holdfast_V1_ReserveRequest()
        request.idempotencyKey = "overload-\(run)-\(number)"
        var line = Holdfast_V1_Demand()
        line.sku = book.sku(number)
        line.node = book.node
        line.quantity = 1
        request.lines = [line]
        request.ttl.seconds = Self.holdSeconds
        request.owner = "overload"
        return request
    }

    /// The id of the reservation that a method answers with.
    private func id(
        of method: String,
        _ request: some Message,
        _ number: Int,
        _ left: Int64,
    ) async throws(Status) -> String {
        let bytes: [UInt8]
        do {
            bytes = try request.serializedBytes()
        } catch {
            throw Status(.internal, "a request cannot be encoded: \(error)")
        }
        let answer = try await clients[number % clients.count]
            .unary(Self.service + method, bytes, timeoutMilliseconds: left)
        do {
            return try Holdfast_V1_Reservation(serializedBytes: answer.message).id
        } catch {
            throw Status(.dataLoss, "the answer to \(method) cannot be read")
        }
    }

    private static func microseconds(_ duration: Duration) -> Int {
        Int(duration / .microseconds(1))
    }
}
