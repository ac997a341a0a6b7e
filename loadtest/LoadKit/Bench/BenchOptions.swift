// What a benchmark run is told, and what is wrong with it.

/// What is measured.
package enum BenchScenario: String, CaseIterable, Hashable, Sendable {
    case rpc
    case flash
    case wide
    case basket
    case soldout
    case mixed
    case stream
    case route
    case routed
    case replay
    case overload

    /// What it does, in a line.
    package var summary: String {
        switch self {
        case .rpc: "grpc.health.v1.Health/Check: the transport alone"
        case .flash: "Reserve of one hot SKU by many callers"
        case .wide: "Reserve of one line each over 10,000 SKUs"
        case .basket: "Reserve of three lines each over 10,000 SKUs"
        case .soldout: "Reserve of a SKU whose stock is gone: every answer is SOLD_OUT"
        case .mixed: "reads and changes together over 1,000 SKUs: \(BenchMix.text)"
        case .stream: "ReserveStream over 10,000 SKUs: many carts on few streams"
        case .route: "Route of three lines, 20 candidate nodes, 100 SKUs: the decision is stored"
        case .routed: "ReserveAndRoute of the same carts: goods and capacity, with the decision"
        case .replay: "the orders of a sales file, as fast as they go"
        case .overload: "five times the capacity, as holdfast-load overload does it"
        }
    }

    /// How many SKUs it asks for.
    package var skus: Int {
        switch self {
        case .rpc, .replay, .overload: 0
        case .flash, .soldout: 1
        case .route, .routed: 100
        case .mixed: 1_000
        case .wide, .basket, .stream: 10_000
        }
    }

    /// Lines of each request.
    var lines: Int {
        switch self {
        case .basket, .route, .routed: 3
        default: 1
        }
    }
    /// Nodes that have all of the stock; 0: it lies at one node, and no network is laid.
    var nodes: Int { self == .route || self == .routed ? 20 : 0 }
    /// Whether a run in which nothing was accepted has shown nothing.
    var expectsAcceptance: Bool { self != .soldout }
    /// Whether there are books to be judged.
    var hasBooks: Bool { self != .rpc }
}

/// How to measure.
package struct BenchOptions: Hashable, Sendable {
    package var scenario: BenchScenario
    package var host = "127.0.0.1"
    package var port = 50_051
    /// Names the run in its SKUs, its node, its owner and its keys.
    package var run: String
    package var connections = 8
    /// Callers on each connection, or with `stream` carts on each stream.
    package var streams = 64
    /// Calls each second whatever becomes of those before; nil lets every caller wait for its answer.
    package var rate: Double?
    package var warmupSeconds = 2.0
    package var seconds = 10.0
    /// Ends the measurement after so many calls, if that comes first.
    package var count: Int?
    /// What the server may take for a call, in milliseconds.
    package var timeoutMilliseconds: Int64 = 10_000
    /// How libpq finds Postgres, which the run is judged by.
    package var postgres: String?
    package var redis: String?
    package var serverPID: Int?
    package var redisPID: Int?
    package var postgresPID: Int?
    /// The sales file of `replay`.
    package var file: String?
    /// Calls of an open loop that may be without an answer; one more is not made and is an error.
    package var openMax = 65_536

    package init(scenario: BenchScenario, run: String) {
        self.scenario = scenario
        self.run = run
    }

    package var callers: Int { connections * streams }

    /// What is wrong with the options, or nil.
    package var problem: String? {
        let isPlain = run.utf8.allSatisfy { byte in
            let letter = Character(UnicodeScalar(byte))
            return byte < 128 && (letter.isLetter || letter.isNumber || "-_".contains(letter))
        }
        guard (1...24).contains(run.utf8.count), isPlain else {
            return "a run is named with 1 to 24 letters, digits, '-' or '_', not '\(run)'"
        }
        guard (1...256).contains(connections) else { return "connections: 1 to 256" }
        guard (1...256).contains(streams) else { return "streams: 1 to 256" }
        if let rate, !(1...2_000_000).contains(rate) { return "rate: 1 to 2000000 a second" }
        guard (0...60).contains(warmupSeconds) else { return "warm-up: 0 to 60 seconds" }
        guard (0.1...600).contains(seconds) else { return "seconds: 0.1 to 600" }
        if let count, !(1...1_000_000_000).contains(count) { return "count: 1 to 1000000000" }
        guard (1...30_000).contains(timeoutMilliseconds) else {
            return "timeout: 1 to 30000 milliseconds"
        }
        if scenario == .replay, file == nil { return "replay needs --file" }
        if scenario == .stream, callers > CartStream.tagsMax {
            return "stream: \(CartStream.tagsMax) carts at most, --connections times --streams"
        }
        if scenario == .stream, rate != nil { return "stream has no --rate" }
        return nil
    }
}

/// Why a run could not be made or judged.
package struct BenchFailure: Error, Hashable, CustomStringConvertible {
    package var description: String

    package init(description: String) {
        self.description = description
    }
}

/// The mix of `mixed`: what becomes of every twenty calls.
enum BenchMix {
    static let text =
        "of 20 calls 8 GetReservation, 6 Reserve, 2 Confirm, 2 Release, 1 PlaceOrder from a hold,"
        + " 1 CancelOrder of such an order (a call that has nothing to work on is a Reserve)"

    /// The kind of a call by its number, so that changes are spread among reads.
    static let pattern: [BenchCall] = [
        .reserve, .read, .reserve, .read, .confirm, .read, .release, .reserve, .read, .place,
        .read, .reserve, .read, .confirm, .cancel, .reserve, .read, .release, .reserve, .read,
    ]
}

/// The kinds of calls that are made.
enum BenchCall: Int, CaseIterable {
    case check
    case reserve
    case read
    case confirm
    case release
    case place
    case cancel
    case route
    case routed

    var path: String {
        switch self {
        case .check: "/grpc.health.v1.Health/Check"
        case .reserve: "/holdfast.v1.ReservationService/Reserve"
        case .read: "/holdfast.v1.ReservationService/GetReservation"
        case .confirm: "/holdfast.v1.ReservationService/Confirm"
        case .release: "/holdfast.v1.ReservationService/Release"
        case .place: "/holdfast.v1.OrderService/PlaceOrder"
        case .cancel: "/holdfast.v1.OrderService/CancelOrder"
        case .route: "/holdfast.v1.RoutingService/Route"
        case .routed: "/holdfast.v1.ReservationService/ReserveAndRoute"
        }
    }
}
