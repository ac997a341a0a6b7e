// Commands against a server that listens: what is sent, what is sent again, and what is told when
// nothing comes back. The service behind it is the test's own.

import ArgumentParser
import Logging
import Loop
import Messages
import NIOCore
import NIOPosix
import RPC
import SwiftProtobuf
import Synchronization
import Testing

@testable import holdfast

@Suite struct ServerCallsTests {
    /// What the service was asked, and what it answers to whom.
    private final class Desk: Sendable {
        private let asked = Mutex<[Holdfast_V1_ReceiveRequest]>([])
        private let refusals: Mutex<[Status]>

        init(refusals: [Status] = []) {
            self.refusals = Mutex(refusals)
        }

        var requests: [Holdfast_V1_ReceiveRequest] { asked.withLock { $0 } }

        func answer(_ bytes: [UInt8]) throws(Status) -> [UInt8] {
            if let refusal = refusals.withLock({ $0.popLast() }) { throw refusal }
            do {
                let request = try Holdfast_V1_ReceiveRequest(serializedBytes: bytes)
                asked.withLock { $0.append(request) }
                return try Holdfast_V1_StockAnswer().serializedBytes()
            } catch {
                throw Status(.internal, "\(error)")
            }
        }
    }

    /// Runs `body` against a server of one method.
    private func withServer(
        _ desk: Desk,
        _ body: (CallOptions) async throws -> Void,
    ) async throws {
        let server = RPCServer(
            configuration: RPCServerConfiguration(),
            loops: [Loop(MultiThreadedEventLoopGroup.singleton.next())],
            registry: { _ in
                var registry = ServiceRegistry()
                registry.unary(service: "holdfast.v1.InventoryService", method: "Receive") {
                    message,
                    _ throws(Status) in
                    try desk.answer(message)
                }
                return registry
            },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        )
        let port = try await server.start()
        do {
            try await body(try CallOptions.parse(["--server", "127.0.0.1:\(port)"]))
        } catch {
            await server.shutdown(graceMilliseconds: 0)
            throw error
        }
        await server.shutdown(graceMilliseconds: 0)
    }

    private func file(rows: Int) throws -> StockFile {
        let text = "sku,node,quantity\n" + (1...rows).map { "S\($0),N,1\n" }.joined()
        return try StockFile(Array(text.utf8))
    }

    @Test func `an import sends every row once, and the same keys the second time`() async throws {
        let desk = Desk()
        try await withServer(desk) { options in
            for _ in 1...2 {
                let outcome = try await ServerCalls.with(options) { server in
                    let stock = try file(rows: 1_200)
                    return try await ImportRun(
                        server: server,
                        stock: stock,
                        file: "f",
                        parallel: 3,
                    )
                    .run()
                }
                #expect(outcome.rows == 1_200)
                #expect(outcome.units == 1_200)
                #expect(outcome.failures == 0)
            }
        }
        let requests = desk.requests
        #expect(requests.count == 6)
        #expect(Set(requests.map(\.idempotencyKey)).count == 3)
        let skus = requests.prefix(3).flatMap { $0.lines.map(\.sku) }
        #expect(Set(skus).count == 1_200)
    }

    @Test func `a server that cannot now is asked again, one that refuses is not`() async throws {
        let busy = Status(.unavailable, "busy")
        let patient = Desk(refusals: [busy, busy])
        try await withServer(patient) { options in
            let outcome = try await importing(1, options)
            #expect(outcome.rows == 1)
        }
        #expect(patient.requests.count == 1)

        let wrong = Status(.invalidArgument, "wrong")
        let final = Desk(refusals: [wrong])
        try await withServer(final) { options in
            let outcome = try await importing(1, options)
            #expect(outcome.failures == 1)
            #expect(outcome.firstError?.exit == .invalid)
        }
        #expect(final.requests.isEmpty)
    }

    @Test func `a request that fails does not stop the others`() async throws {
        let desk = Desk(refusals: [Status(.notFound, "no")])
        try await withServer(desk) { options in
            let outcome = try await importing(1_500, options)
            #expect(outcome.requests == 3)
            #expect(outcome.failures == 1)
            #expect(outcome.rows == 1_000)
        }
    }

    @Test func `a lost answer tells the key to try again with`() async throws {
        let desk = Desk(refusals: [Status(.deadlineExceeded, "late")])
        try await withServer(desk) { options in
            let error = await #expect(throws: CommandError.self) {
                try await ServerCalls.with(options) { server in
                    let _: Holdfast_V1_StockAnswer = try await server.call(
                        .inventory,
                        "Receive",
                        Holdfast_V1_ReceiveRequest(),
                        key: "k-1",
                    )
                }
            }
            #expect(error?.exit == .unreachable)
            #expect(error?.hint?.contains("--key k-1") == true)
        }
    }

    @Test func `nobody listening has an exit status of its own`() async throws {
        let desk = Desk()
        var gone: CallOptions?
        try await withServer(desk) { gone = $0 }
        let options = try #require(gone)
        let error = await #expect(throws: CommandError.self) {
            try await ServerCalls.with(options) { _ in }
        }
        #expect(error?.exit == .unreachable)
    }

    private func importing(
        _ rows: Int,
        _ options: CallOptions,
    ) async throws -> ImportRun.Outcome {
        try await ServerCalls.with(options) { server in
            try await ImportRun(
                server: server,
                stock: try file(rows: rows),
                file: "f",
                parallel: 2,
            )
            .run()
        }
    }
}
