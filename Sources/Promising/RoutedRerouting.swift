// New places by the router: for orders that were routed, within what they were promised. The question is
// the one that their reservation was routed by, with the lines that need a place, and without the nodes
// that have given them up.

internal import Base
internal import Domain

/// Takes new places with the capacity that they need; for orders that nobody routed, another way.
package struct RoutedRerouting<
    Peek: PeekPort,
    Routes: RouteLedgerPort,
    Holds: HoldPort,
    Unrouted: Rerouting
>: Rerouting {
    package typealias Routed = RoutedReserving<Peek, Routes>

    /// For how long one attempt may plan and hold, milliseconds.
    private static var budgetMs: Int64 { 2_000 }

    private let routed: Routed
    private let routes: Routes
    private let holds: Holds
    private let unrouted: Unrouted

    package init(routed: Routed, routes: Routes, holds: Holds, unrouted: Unrouted) {
        self.routed = routed
        self.routes = routes
        self.holds = holds
        self.unrouted = unrouted
    }

    package func takePlace(_ question: RerouteQuestion) async throws(Failure) -> RerouteAnswer {
        let stored = try await routes.decisions([question.reservation]).compactMap { $0 }
        guard let summary = stored.first.flatMap({ RouteCodec.summary($0.record) }) else {
            return try await unrouted.takePlace(question)
        }
        // What this question took before must not be looked for again.
        if try await holds.reservation(question.key) != nil { return .held }
        switch try await reserve(request(question, summary.question)) {
        case nil, .refused(.noRoute(.contended), _): return .later("others are being decided")
        case .held: return .held
        case .refused(.keyReused, _): return .keyUsed
        case .refused(let refusal, let decision):
            let why = decision.map { ", decision \($0)" } ?? ""
            return .nowhere("\(refusal)\(why)")
        }
    }

    private func request(_ question: RerouteQuestion, _ first: RouteQuestion) -> RoutedRequest {
        var asked = first
        asked.lines = question.lines.map { line in
            var routed =
                first.lines.first { $0.sku == line.sku }
                ?? CartLine(sku: line.sku, quantity: line.units)
            routed.quantity = line.units
            return routed
        }
        asked.excluded.formUnion(question.excluded)
        var body = DigestBuilder()
        body.add("reroute")
        for line in asked.lines {
            body.add(line.sku)
            body.add(line.quantity)
        }
        return RoutedRequest(
            key: question.key,
            body: .fingerprint(body.digest()),
            question: asked,
            rules: nil,
            ttlMs: question.ttlMs,
            owner: question.customer,
            origin: question.origin,
        )
    }

    /// Nil: it was not decided in time.
    private func reserve(_ request: RoutedRequest) async throws(Failure) -> RoutedOutcome? {
        let routed = routed
        let end = Deadline.now.advanced(milliseconds: Self.budgetMs)
        let outcome: Result<RoutedOutcome, Failure> = await Deadline.$current.withValue(end) {
            do throws(Failure) {
                return .success(try await routed.reserve(request) { Task.isCancelled })
            } catch {
                return .failure(error)
            }
        }
        do throws(Failure) {
            return try outcome.get()
        } catch .deadlineExceeded {
            return nil
        }
    }
}
