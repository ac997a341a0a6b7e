// What is withheld from single channels, for the audit of drift, and the repair of it.

internal import Base
package import Domain
internal import Postgres
package import Promising

extension DriftLedger {
    package func channels(
        _ questions: [(position: PositionID, view: ViewImage?)]
    ) async throws(Failure) -> [PositionID: [ChannelImage]] {
        var figures: [(position: PositionID, channel: String, version: Int64)] = []
        for (position, view) in questions {
            for (channel, raw) in view?.channels ?? [:] {
                figures.append((position, channel, ChannelFigure(raw)?.version ?? 0))
            }
        }
        let rows = try await run(
            ChannelStatements.audit,
            [
                .int8s(questions.map(\.position)),
                .int8s(questions.map { $0.view?.figures?.version ?? -1 }),
                .texts(
                    questions.map { question in
                        (question.view?.figures?.beyond ?? []).map(String.init)
                            .joined(separator: ",")
                    }
                ),
                .int8s(figures.map(\.position)), .texts(figures.map(\.channel)),
                .int8s(figures.map(\.version)),
            ],
        )
        var images: [PositionID: [ChannelImage]] = [:]
        for row in rows {
            images[row.int8(0), default: []]
                .append(
                    ChannelImage(
                        channel: row.text(1),
                        stored: row.int8(2),
                        last: row.int8(3),
                        applied: (row.int8(4), row.int8(5)),
                        atFigure: row.optionalInt8(6),
                    )
                )
        }
        return images
    }

    package func writeBack(
        _ channel: ChannelImage,
        of position: PositionID,
        by origin: Origin,
    ) async throws(Failure) -> WriteBack {
        let reference = "written back: \(channel.channel) \(channel.stored) to \(channel.last)"
        let row = try await run(
            ChannelStatements.writeBack,
            [
                .int8(position), .text(channel.channel), .int8(channel.stored),
                .int8(channel.last), .text(reference), .text(origin.principal),
                .text(origin.requestID), .text(origin.traceID), .text("DRIFT"),
            ],
        )[0]
        guard row.int2(0) == 1 else { return .changed }
        let viewRow = ViewRow(
            position: position,
            version: row.int8(2),
            delta: 0,
            free: row.int8(3),
            isFresh: true,
            channelSafety: ChannelSafety(channel: channel.channel, quantity: channel.last),
        )
        return .done(Settlement(epoch: row.int8(1), rows: [viewRow]))
    }
}

/// The statements of this file.
private enum ChannelStatements {
    static let audit = Statement(
        "audit_channels",
        file: PackageResources.audit_channels_sql,
        [OID.int8s, OID.int8s, OID.texts, OID.int8s, OID.texts, OID.int8s],
        mayTakeLong: true,
    )
    static let writeBack = Statement(
        "write_back_channel",
        file: PackageResources.write_back_channel_sql,
        [
            OID.int8, OID.text, OID.int8, OID.int8, OID.text, OID.text, OID.text, OID.text,
            OID.text,
        ],
    )
}
