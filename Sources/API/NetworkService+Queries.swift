// Reading the network over RPC.

internal import Base
internal import Domain
package import Messages
internal import Promising
package import RPC
internal import SwiftProtobuf

extension NetworkService {
    package func getNetwork(
        _ request: Holdfast_V1_GetNetworkRequest
    ) async throws(Status) -> Holdfast_V1_GetNetworkResponse {
        var validator = Validator()
        validator.optionalName(request.node, "node")
        if request.version < 0 { validator.fail("version", "must not be negative") }
        try validator.check()
        let (version, definition) = try await definition(
            request.version == 0 ? nil : request.version
        )
        var wanted = definition
        if !request.node.isEmpty {
            wanted = NetworkDefinition()
            wanted.nodes = definition.nodes.filter { $0.name == request.node }
            if wanted.nodes.isEmpty {
                throw Status(
                    .notFound(kind: .node, id: request.node),
                    fields: RequestFields(id: "node"),
                )
            }
        }
        var answer = Holdfast_V1_GetNetworkResponse()
        answer.version = version
        answer.currency = definition.currency ?? ""
        answer.document = wanted.document
        return answer
    }

    package func listNodes(
        _ request: Holdfast_V1_ListNodesRequest
    ) async throws(Status) -> Holdfast_V1_ListNodesResponse {
        let (version, definition) = try await definition(nil)
        var answer = Holdfast_V1_ListNodesResponse()
        answer.version = version
        answer.nodes = definition.nodes.map { Holdfast_V1_NetworkNode($0) }
        return answer
    }

    package func listSlots(
        _ request: Holdfast_V1_ListSlotsRequest
    ) async throws(Status) -> Holdfast_V1_ListSlotsResponse {
        var validator = Validator()
        validator.name(request.node, "node")
        let day = request.fromDay.isEmpty ? 0 : Days.day(request.fromDay)
        if day == nil { validator.fail("from_day", "must be a day, as in 2026-12-24") }
        let limit = validator.pageSize(
            request.limit,
            "limit",
            standard: 100,
            max: Limits.pageRowsMax,
        )
        try validator.check()
        guard let day else { invariantBroken("a day that was checked is there") }
        let slots = try await answering { () async throws(Failure) in
            try await keeping.ledger.slots(of: request.node, from: day, limit: limit)
        }
        if slots.isEmpty {
            let (_, definition) = try await definition(nil)
            guard definition.nodes.contains(where: { $0.name == request.node }) else {
                throw Status(
                    .notFound(kind: .node, id: request.node),
                    fields: RequestFields(id: "node"),
                )
            }
        }
        var answer = Holdfast_V1_ListSlotsResponse()
        answer.slots = slots.map { Holdfast_V1_NodeSlot($0) }
        return answer
    }

    package func listNetworkChanges(
        _ request: Holdfast_V1_ListNetworkChangesRequest
    ) async throws(Status) -> Holdfast_V1_ListNetworkChangesResponse {
        var validator = Validator()
        validator.optionalName(request.node, "node")
        let size = validator.pageSize(request.pageSize, "page_size", standard: 50, max: 500)
        try validator.check()
        let fingerprint = PageToken.fingerprint("ListNetworkChanges", [request.node])
        let cursor = try numberCursor(request.pageToken, fingerprint)
        let found = try await answering { () async throws(Failure) in
            try await keeping.ledger.changes(before: cursor, node: request.node, limit: size + 1)
        }
        var answer = Holdfast_V1_ListNetworkChangesResponse()
        answer.changes = found.prefix(size).map { Holdfast_V1_NetworkChange($0) }
        if found.count > size {
            answer.nextPageToken = numberToken(found[size - 1].version, fingerprint)
        }
        return answer
    }

    private func definition(
        _ version: Int64?
    ) async throws(Status) -> (version: Int64, definition: NetworkDefinition) {
        let found = try await answering { () async throws(Failure) in
            guard let found = try await keeping.ledger.items(version: version) else {
                return nil as (version: Int64, definition: NetworkDefinition)?
            }
            return (found.version, try NetworkDefinition(found.items))
        }
        if let found { return found }
        throw Status(.notFound, "the network has no version \(version ?? 0)")
    }
}

/// The number that a page token stands for; the greatest one without a token.
func numberCursor(_ token: String, _ fingerprint: ID) throws(Status) -> Int64 {
    if token.isEmpty { return .max }
    var reader = CursorReader(try PageToken(token, fingerprint: fingerprint).cursor)
    guard let number = reader.number(), reader.isAtEnd else {
        throw PageToken.refusal("is no page token of ours")
    }
    return number
}

func numberToken(_ number: Int64, _ fingerprint: ID) -> String {
    var bytes: [UInt8] = []
    bytes.appendCursor(number)
    return PageToken(fingerprint: fingerprint, cursor: bytes).text
}

extension Holdfast_V1_NetworkNode {
    fileprivate init(_ node: NodeDefinition) {
        self.init()
        name = node.name
        kind = Holdfast_V1_NodeKind(rawValue: Int(node.kind.rawValue)) ?? .unspecified
        status =
            Holdfast_V1_NodeStatus(rawValue: Int(node.status?.rawValue ?? 0)) ?? .unspecified
        country = node.country
        timeZone = node.timeZone
        latitude = Double(node.place.latitudeE6) / 1_000_000
        longitude = Double(node.place.longitudeE6) / 1_000_000
        abilities = NodeAbilities.names.filter { node.abilities.contains($0.ability) }.map(\.name)
        countries = node.countriesServed
        priority = node.priority
        handlingMinutes = node.handlingMinutes
        shipmentCostMinor = node.shipmentCostMinor
        unitCostMinor = node.unitCostMinor
        services = node.lanes.map(\.service)
    }
}

extension Holdfast_V1_NodeSlot {
    fileprivate init(_ slot: SlotState) {
        self.init()
        day = Days.text(slot.day)
        window = Int32(slot.number)
        opensAt = Google_Protobuf_Timestamp(slot.opensAt)
        closesAt = Google_Protobuf_Timestamp(slot.closesAt)
        if let figures = slot.orders { orders = Holdfast_V1_SlotCapacity(figures) }
        if let figures = slot.units { units = Holdfast_V1_SlotCapacity(figures) }
        isByHand = slot.isByHand
    }
}

extension Holdfast_V1_SlotCapacity {
    fileprivate init(_ figures: SlotFigures) {
        self.init()
        capacity = figures.capacity
        taken = figures.capacity - figures.free
        free = figures.free
    }
}

extension Holdfast_V1_NetworkChange {
    fileprivate init(_ change: NetworkChange) {
        self.init()
        version = change.version
        at = Google_Protobuf_Timestamp(change.at)
        kind =
            switch change.kind {
            case .documents: "DOCUMENTS"
            case .status: "STATUS"
            case .capacity: "CAPACITY"
            case .horizon: "HORIZON"
            }
        changes = change.changes
        note = change.note
        principal = change.origin.principal
        requestID = change.origin.requestID
        traceID = change.origin.traceID
    }
}
