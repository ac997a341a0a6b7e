// Reading stock over RPC: availability, positions, ledger.

internal import Base
internal import Domain
internal import Loop
package import Messages
internal import NIOCore
internal import Promising
package import RPC

extension InventoryService {
    package func getAvailability(
        _ request: Holdfast_V1_GetAvailabilityRequest,
        _ limit: ChannelLimit,
    ) async throws(Status) -> Holdfast_V1_GetAvailabilityResponse {
        var validator = Validator()
        validator.optionalName(request.channel, "channel")
        validator.items(request.items)
        let moment = request.hasBy ? validator.instant(request.by, "by") : nil
        try validator.check()
        let channel = try limit.channel(named: request.channel, "channel")

        let found = try await answering { () async throws(Failure) in
            try await stock.ledger.availability(
                of: request.items.map { PositionKey(sku: $0.sku, node: $0.node) },
                by: moment,
            )
        }
        var answer = Holdfast_V1_GetAvailabilityResponse()
        answer.items = zip(request.items, found)
            .map { item, nodes in
                Holdfast_V1_Availability(sku: item.sku, nodes, channel, limit)
            }
        return answer
    }

    /// Sends what may be promised of the items, then what changes, until the caller has gone.
    func watchAvailability(
        _ request: Holdfast_V1_WatchAvailabilityRequest,
        _ limit: ChannelLimit,
        _ feed: AvailabilityFeed<Ledger>,
        _ replies: MessageWriter,
        _ call: ServerCall,
    ) async throws(Status) {
        var validator = Validator()
        validator.optionalName(request.channel, "channel")
        validator.items(request.items)
        try validator.check()
        let channel = try limit.channel(named: request.channel, "channel")
        let watch = try feed.watch(request.items.map { PositionKey(sku: $0.sku, node: $0.node) })
        defer { feed.leave(watch) }
        let bound = NIOLoopBound(watch, eventLoop: call.loop.eventLoop)
        let eventLoop = call.loop.eventLoop
        while !call.isCancelled {
            let changes = await withTaskCancellationHandler {
                await bound.value.next()
            } onCancel: {
                eventLoop.execute { bound.value.wake() }
            }
            if let over = watch.over { throw over }
            // Nothing new and not over: the caller has gone.
            if changes.isEmpty { return }
            var response = Holdfast_V1_WatchAvailabilityResponse()
            response.items = changes.map { change in
                var item = Holdfast_V1_WatchedAvailability()
                item.index = Int32(change.index)
                item.availability = Holdfast_V1_Availability(
                    sku: request.items[change.index].sku,
                    change.nodes,
                    channel,
                    limit,
                )
                return item
            }
            try await replies.send(try encode(response))
            // The next figures are made when these are out: a slow reader gets the latest.
            try await replies.drained()
        }
    }

    package func listPositions(
        _ request: Holdfast_V1_ListPositionsRequest
    ) async throws(Status) -> Holdfast_V1_ListPositionsResponse {
        var validator = Validator()
        validator.optionalName(request.skuPrefix, "sku_prefix")
        validator.optionalName(request.node, "node")
        let size = validator.pageSize(
            request.pageSize,
            "page_size",
            standard: 100,
            max: Limits.pageRowsMax,
        )
        try validator.check()
        let fingerprint = PageToken.fingerprint(
            "ListPositions",
            [request.skuPrefix, request.node],
        )
        let cursor = try positionCursor(request.pageToken, fingerprint)

        let found = try await answering { () async throws(Failure) in
            try await stock.ledger.positions(
                skuPrefix: request.skuPrefix,
                node: request.node,
                after: cursor,
                limit: size + 1,
            )
        }
        var answer = Holdfast_V1_ListPositionsResponse()
        answer.positions = found.prefix(size).map { Holdfast_V1_Position($0) }
        if found.count > size {
            var bytes: [UInt8] = []
            bytes.appendCursor(found[size - 1].key.sku)
            bytes.appendCursor(found[size - 1].key.node)
            answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: bytes).text
        }
        return answer
    }

    package func listLedger(
        _ request: Holdfast_V1_ListLedgerRequest
    ) async throws(Status) -> Holdfast_V1_ListLedgerResponse {
        var validator = Validator()
        validator.name(request.sku, "sku")
        validator.name(request.node, "node")
        let size = validator.pageSize(
            request.pageSize,
            "page_size",
            standard: 100,
            max: Limits.pageRowsMax,
        )
        try validator.check()
        let fingerprint = PageToken.fingerprint("ListLedger", [request.sku, request.node])
        let cursor = try ledgerCursor(request.pageToken, fingerprint)

        let page = try await answering { () async throws(Failure) in
            try await stock.ledger.ledger(
                of: PositionKey(sku: request.sku, node: request.node),
                before: cursor,
                limit: size + 1,
            )
        }
        var answer = Holdfast_V1_ListLedgerResponse()
        switch page {
        case .refused(let refusal):
            throw Status(refusal, fields: .single)
        case .rows(let rows):
            answer.entries = rows.prefix(size).map { Holdfast_V1_LedgerEntry($0) }
            if rows.count > size {
                var bytes: [UInt8] = []
                bytes.appendCursor(rows[size - 1].version)
                bytes.appendCursor(Int64(rows[size - 1].step))
                answer.nextPageToken = PageToken(fingerprint: fingerprint, cursor: bytes).text
            }
        }
        return answer
    }

    // MARK: Private

    private func positionCursor(
        _ token: String,
        _ fingerprint: ID,
    ) throws(Status) -> PositionKey? {
        if token.isEmpty { return nil }
        var reader = CursorReader(try PageToken(token, fingerprint: fingerprint).cursor)
        guard let sku = reader.text(), let node = reader.text(), reader.isAtEnd else {
            throw PageToken.refusal("is no page token of ours")
        }
        return PositionKey(sku: sku, node: node)
    }

    private func ledgerCursor(
        _ token: String,
        _ fingerprint: ID,
    ) throws(Status) -> LedgerCursor? {
        if token.isEmpty { return nil }
        var reader = CursorReader(try PageToken(token, fingerprint: fingerprint).cursor)
        guard let version = reader.number(),
            let step = reader.number().flatMap({ Int32(exactly: $0) }), reader.isAtEnd
        else { throw PageToken.refusal("is no page token of ours") }
        return LedgerCursor(version: version, step: step)
    }
}

extension Validator {
    /// The items of a question for what may be promised.
    fileprivate mutating func items(_ items: [Holdfast_V1_AvailabilityItem]) {
        guard lineCount(items.count, "items") else { return }
        for (index, item) in items.enumerated() {
            sku(item.sku, "items[\(index)].sku")
            optionalName(item.node, "items[\(index)].node")
        }
    }
}

extension Holdfast_V1_Availability {
    /// Sums over nodes; a node below zero takes nothing away from the others.
    fileprivate init(
        sku: String,
        _ found: [ExpectedPosition],
        _ channel: String,
        _ limit: ChannelLimit,
    ) {
        self.init()
        self.sku = sku
        for item in found {
            let now = item.position.available(for: channel)
            available += max(now, 0)
            availableBy += max(now + item.incoming, 0)
            var node = Holdfast_V1_NodeAvailability()
            node.node = item.position.key.node
            node.available = now
            node.incoming = item.incoming
            node.position = Holdfast_V1_Position(item.position)
            // What is withheld from another channel is that channel's business.
            node.position.channelSafety.removeAll { !limit.covers($0.channel) }
            nodes.append(node)
        }
    }
}
