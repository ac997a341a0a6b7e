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

        private let loop: Loop
        private let expiry: NIOLoopBound<ExpiryWorker<ExpiryStore, LoopParts.ServingGate>>
        private let healing: NIOLoopBound<HealWorker<LoopParts.ServingGate, LedgerRows>>

        /// Starts them on the loop of `parts`.
        static func start(
            _ configuration: ServeConfiguration,
            _ shared: SharedParts,
            _ parts: BoundParts,
        ) async -> Workers {
            let interval = configuration.expiryIntervalMs
            let batch = configuration.expiryBatchMax
            let loop = parts.loop
            return
                await loop.start {
                    let expiry = ExpiryWorker(
                        loop: loop,
                        ledger: ExpiryStore(postgres: shared.postgres),
                        gate: parts.bound.value.gate,
                        intervalMs: interval,
                        batchMax: batch,
                        logger: shared.logger,
                    )
                    let healing = HealWorker(
                        loop: loop,
                        healing: parts.bound.value.healing,
                        intervalMs: Self.healIntervalMs,
                        logger: shared.logger,
                    )
                    expiry.start()
                    healing.start()
                    return Workers(
                        loop: loop,
                        expiry: NIOLoopBound(expiry, eventLoop: loop.eventLoop),
                        healing: NIOLoopBound(healing, eventLoop: loop.eventLoop),
                    )
                }
                .value
        }

        /// What they have done so far.
        func figures() async -> Figures {
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
            await loop.start {
                await expiry.value.stop()
                await healing.value.stop()
            }
            .value
        }
    }
}
