// What is withheld from single channels, in the view, in Postgres and by the ledger: each difference is
// found to the unit, none where there is none, and what was edited in Postgres is written back.

import Base
import Domain
import Postgres
import Promising
import Testing

@testable import Ledger

@Suite struct DriftChannelTests {
    /// A view at a version, with figures for channels.
    private func view(
        _ id: PositionID,
        _ version: Int64,
        beyond: String = ",",
        _ channels: [String: String],
        knowsChannels: Bool = true,
    ) -> ViewImage {
        ViewImage(
            position: id,
            epoch: 1,
            raw: ["\(version)", "0", beyond, "0"],
            pendingSum: 0,
            pendingMs: 0,
            channels: channels,
            knowsChannels: knowsChannels,
        )
    }

    /// The findings about channels, such as `channel +2`.
    private func findings(
        _ store: Store,
        _ id: PositionID,
        _ view: ViewImage?
    ) async throws
        -> [String]
    {
        let ports = DriftLedger(postgres: store.postgres)
        let start = FoldStart.after(LedgerFold())
        let question = LedgerQuestion(position: id, view: view?.figures, start: start)
        let image = try await ports.images([question])[0]
        let channels = try await ports.channels([(id, view)])
        let audit = PositionAudit(
            position: id,
            view: view,
            ledger: image,
            channels: channels[id] ?? [],
        )
        return audit.findings.filter { $0.kind == .channel || $0.kind == .channelLedger }
            .map { "\($0.kind) \($0.units)" }
    }

    private func withhold(
        _ store: Store,
        _ name: String,
        _ units: Int64,
        _ channel: String
    )
        async throws
    {
        _ = try await store.stock.setSafetyStock(
            header(name),
            at: key("A"),
            quantity: units,
            channel: channel,
        )
    }

    /// Version 1 received 100; 2: web 5; 3: a hold; 4: shop 7; 5: web 8; 6: shop 0.
    private func scene(_ store: Store) async throws -> PositionID {
        try await store.receive("r", [Demand(key: key("A"), quantity: 100)])
        try await withhold(store, "w1", 5, "web")
        _ = try await store.hold("h", [Demand(key: key("A"), quantity: 1)])
        try await withhold(store, "s1", 7, "shop")
        try await withhold(store, "w2", 8, "web")
        try await withhold(store, "s2", 0, "shop")
        let position = try await store.position(key("A"))
        #expect(position.version == 6)
        return position.id
    }

    @Test func `figures that are right at their versions are no finding`() async throws {
        try await withStore { store in
            let id = try await scene(store)
            let right: [ViewImage?] = [
                nil, view(id, 6, ["web": "5:8", "shop": "6:0"]), view(id, 6, ["web": "6:8"]),
                view(id, 1, [:]), view(id, 3, ["web": "2:5"]), view(id, 3, ["web": "3:5"]),
                // A load that was newer than the view, and a version beyond a gap.
                view(id, 3, ["web": "6:8"]), view(id, 3, beyond: ",5,", ["web": "5:8"]),
                view(id, 4, ["web": "2:5", "shop": "4:7"]), view(id, 6, [:], knowsChannels: false),
            ]
            for view in right {
                let found = try await findings(store, id, view)
                #expect(found == [], "\(String(describing: view))")
            }
        }
    }

    @Test func `figures that are wrong are found to the unit`() async throws {
        try await withStore { store in
            let id = try await scene(store)
            let wrong: [(ViewImage, String)] = [
                (view(id, 6, ["web": "5:9"]), "channel 1"),
                (view(id, 6, ["web": "5:8", "shop": "6:4"]), "channel 4"),
                (view(id, 6, [:]), "channel -8"),
                // The change of version 5 never arrived.
                (view(id, 6, ["web": "2:5"]), "channel -3"),
                (view(id, 3, beyond: ",5,", ["web": "2:5"]), "channel -3"),
                (view(id, 6, ["web": "5:9"], knowsChannels: false), "channel 1"),
                (view(id, 6, ["web": "5:8", "moon": "3:2"]), "channel 2"),
                (view(id, 6, ["web": "5:lots"]), "channel 0"),
                (view(id, 6, ["web": "99:8"]), "channel 0"),
            ]
            for (view, expected) in wrong {
                let found = try await findings(store, id, view)
                #expect(found == [expected], "\(view.channels)")
            }
        }
    }

    @Test(
        arguments: [
            ("UPDATE channel_safety SET quantity = 11 WHERE channel = 'web'", 3),
            ("DELETE FROM channel_safety", -8),
            ("INSERT INTO channel_safety VALUES (1, 'shop', 2, 6)", 2),
        ]
    )
    func `an edit in Postgres past the ledger is found and written back, once`(
        edit: String,
        units: Int64,
    ) async throws {
        try await withStore { store in
            let id = try await scene(store)
            try store.sql(edit)
            #expect(try await findings(store, id, nil) == ["channelLedger \(units)"])
            let ports = DriftLedger(postgres: store.postgres)
            let images = try await ports.channels([(id, nil)])[id] ?? []
            let wrong = try #require(images.first { $0.stored != $0.last })
            guard
                case .done(let settlement) =
                    try await ports.writeBack(wrong, of: id, by: tester)
            else {
                Issue.record("not written back")
                return
            }
            #expect(settlement.rows.map(\.version) == [7] && settlement.rows[0].delta == 0)
            #expect(settlement.rows[0].channelSafety?.quantity == wrong.last)
            #expect(try await findings(store, id, nil) == [])
            let entries = try await store.stock.ledger(of: key("A"), before: nil, limit: 1)
            guard case .rows(let rows) = entries else { return }
            #expect(rows[0].reason == "DRIFT" && rows[0].origin == tester)
            #expect(rows[0].change == StockBuckets())
            guard case .changed = try await ports.writeBack(wrong, of: id, by: tester) else {
                Issue.record("written back twice")
                return
            }
            #expect(try await store.audit.checkPositions(after: 0).findings == [])
        }
    }

    @Test func `a setting that was changed meanwhile is not touched`() async throws {
        try await withStore { store in
            let id = try await scene(store)
            try store.sql("UPDATE channel_safety SET quantity = 11 WHERE channel = 'web'")
            let ports = DriftLedger(postgres: store.postgres)
            let wrong = try #require(try await ports.channels([(id, nil)])[id]?.last)
            try await withhold(store, "w3", 20, "web")
            guard case .changed = try await ports.writeBack(wrong, of: id, by: tester) else {
                Issue.record("a new setting was taken back")
                return
            }
            #expect(try await findings(store, id, nil) == [])
        }
    }
}
