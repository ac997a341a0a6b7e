// The workers of a server, on its first loop: expiry and healing.

internal import Ledger
internal import Loop
internal import NIOCore
internal import Promising
internal import Workers

extension RunningServer {
    /// The workers, confined to one loop.
    struct Workers: Sendable {
        /// What they have done.
        struct Figures: Sendable {
            var expired: Int
            var expiryLagMs: Int64
            var healed: Int
        }

        /// How often pending holds are looked through, milliseconds (PROTOCOL.md, "Heal").
        private static let healIntervalMs: Int64 = 200

        private typealias Heal = HealWorker<LoopParts.ServingGate, LedgerRows>

        private let loop: Loop
        private let expiry: NIOLoopBound<ExpiryWorker<ExpiryStore, LoopParts.ServingGate>>
        /// One for each loop; the first looks for overdue holds as well.
        private let healing: [(loop: Loop, worker: NIOLoopBound<Heal>)]

        /// Starts them.
        static func start(
            _ configuration: ServeConfiguration,
            _ shared: SharedParts,
            _ parts: [BoundParts],
        ) async -> Workers {
            var healing: [(loop: Loop, worker: NIOLoopBound<Heal>)] = []
            for (index, part) in parts.enumerated() {
                healing.append(
                    (part.loop, await heal(part, looksForOverdue: index == 0, shared))
                )
            }
            let interval = configuration.expiryIntervalMs
            let batch = configuration.expiryBatchMax
            let first = parts[0]
            let expiry = await first.loop
                .start {
                    let worker = ExpiryWorker(
                        loop: first.loop,
                        ledger: ExpiryStore(postgres: shared.postgres),
                        gate: first.bound.value.gate,
                        intervalMs: interval,
                        batchMax: batch,
                        logger: shared.logger,
                    )
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: first.loop.eventLoop)
                }
                .value
            return Workers(loop: first.loop, expiry: expiry, healing: healing)
        }

        private static func heal(
            _ part: BoundParts,
            looksForOverdue: Bool,
            _ shared: SharedParts,
        ) async -> NIOLoopBound<Heal> {
            await part.loop
                .start {
                    let worker = Heal(
                        loop: part.loop,
                        healing: part.bound.value.healing,
                        intervalMs: Self.healIntervalMs,
                        looksForOverdue: looksForOverdue,
                        logger: shared.logger,
                    )
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: part.loop.eventLoop)
                }
                .value
        }

        /// What they have done so far.
        func figures() async -> Figures {
            let healing = self.healing[0].worker
            return
                await loop.start {
                    Figures(
                        expired: expiry.value.expired,
                        expiryLagMs: expiry.value.lagMs,
                        healed: healing.value.healed,
                    )
                }
                .value
        }

        /// Stops them after what is under way.
        func stop() async {
            await loop.start { await expiry.value.stop() }.value
            for (loop, worker) in healing {
                await loop.start { await worker.value.stop() }.value
            }
        }
    }
}
