// Health and metrics over HTTP/1.1, on a port of their own: for load balancers, Prometheus and people,
// never on the way of a call.

internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import ServiceLifecycle

/// Whether one part of a server is ready.
struct ReadinessPart: Codable, Equatable, Sendable {
    var name: String
    var isReady: Bool
    /// Why not, or empty.
    var detail: String
}

/// What the admin plane asks the server for.
struct AdminSources: Sendable {
    /// Every part; the server is ready when all of them are.
    var ready: @Sendable () async -> [ReadinessPart]
    /// The page of metrics, in Prometheus' text format.
    var metrics: @Sendable () async -> String
}

/// Serves `/healthz`, `/readyz` and `/metrics`.
final class AdminPlane: Sendable {
    /// Why it does not listen.
    struct CannotListen: Error, CustomStringConvertible {
        var description: String
    }

    private let group: ServiceGroup
    private let started: AsyncStream<Int>
    private let logger: Logger
    private let host: String
    private let port: Int

    init(host: String, port: Int, sources: AdminSources, logger: Logger) {
        let (started, announced) = AsyncStream.makeStream(of: Int.self)
        // What a probe asks every second is no event.
        var quiet = logger
        quiet.logLevel = max(.warning, logger.logLevel)
        let application = Application(
            router: Self.router(sources),
            configuration: ApplicationConfiguration(address: .hostname(host, port: port)),
            onServerRunning: { channel in
                announced.yield(channel.localAddress?.port ?? port)
            },
            logger: quiet,
        )
        group = ServiceGroup(configuration: .init(services: [application], logger: quiet))
        self.started = started
        self.logger = logger
        self.host = host
        self.port = port
    }

    /// Listens, and returns the port.
    ///
    /// - Throws: `CommandError` when nobody may listen there.
    func start() async throws -> Int {
        let (ended, announced) = AsyncStream.makeStream(of: String.self)
        Task { [group, logger] in
            do {
                try await group.run()
            } catch {
                logger.error("admin plane ended", metadata: ["error": "\(Self.reason(error))"])
                announced.yield(Self.reason(error))
            }
            announced.finish()
        }
        let outcome = await withTaskGroup(of: Result<Int, CannotListen>.self) { group in
            group.addTask { [started] in
                for await port in started { return .success(port) }
                return .failure(CannotListen(description: "cancelled"))
            }
            group.addTask {
                for await why in ended { return .failure(CannotListen(description: why)) }
                return .failure(CannotListen(description: "it ended"))
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(CannotListen(description: "it ended"))
        }
        switch outcome {
        case .success(let port): return port
        case .failure(let reason):
            throw CommandError(
                .failed,
                "cannot listen on \(host):\(port) for health and metrics: \(reason)",
                hint: "choose another with --admin-port, or 0 for a free one",
            )
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return error.errnoCode == EADDRINUSE ? "somebody listens there already" : error.description
    }

    /// Answers what was asked, then closes.
    func stop() async {
        await group.triggerGracefulShutdown()
    }

    // MARK: Routes

    static func router(_ sources: AdminSources) -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/healthz") { _, _ in text("ok\n", "text/plain; charset=utf-8") }
        router.get("/readyz") { _, _ in
            let parts = await sources.ready()
            let isReady = !parts.isEmpty && parts.allSatisfy(\.isReady)
            return text(
                JSONText.encoded(Readiness(isReady: isReady, parts: parts)) + "\n",
                "application/json",
                status: isReady ? .ok : .serviceUnavailable,
            )
        }
        router.get("/metrics") { _, _ in
            text(await sources.metrics(), "text/plain; version=0.0.4; charset=utf-8")
        }
        return router
    }

    /// The body of `/readyz`.
    struct Readiness: Codable, Equatable {
        var isReady: Bool
        var parts: [ReadinessPart]
    }
}

private func text(
    _ body: String,
    _ type: String,
    status: HTTPResponse.Status = .ok,
) -> Response {
    Response(
        status: status,
        headers: [.contentType: type, .cacheControl: "no-store"],
        body: ResponseBody(byteBuffer: ByteBuffer(string: body)),
    )
}
