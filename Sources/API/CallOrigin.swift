// Who asks, in what, and how far it may go: read from a call. What a caller says about itself is text
// for the audit trail, used only where nobody is known; it grants nothing.

package import Domain
package import RPC

/// What a use case has to know of a call besides its message.
package struct CallContext: Hashable, Sendable {
    package var origin: Origin
    package var limit: ChannelLimit
    /// Whether the caller may approve what it proposed itself: an admin may, and anybody on an open
    /// server, which does not know who is who.
    package var approvesOwn: Bool

    package init(
        origin: Origin,
        limit: ChannelLimit = ChannelLimit(),
        approvesOwn: Bool = true,
    ) {
        self.origin = origin
        self.limit = limit
        self.approvesOwn = approvesOwn
    }

    /// Reads what is needed of a call.
    ///
    /// - Parameter newRequestID: numbers a request that has no usable id of its own.
    package init(_ call: ServerCall, newRequestID: () -> String) {
        self.init(call.caller, call.metadata, newRequestID: newRequestID)
    }

    package init(_ caller: Caller?, _ metadata: Metadata, newRequestID: () -> String) {
        origin = Origin(metadata, caller: caller, newRequestID: newRequestID)
        limit = ChannelLimit(caller?.scope ?? "")
        approvesOwn = caller.map { Roles(rawValue: $0.roles).contains(.admin) } ?? true
    }
}

extension Origin {
    /// Reads principal, request id and trace of a call.
    ///
    /// - Parameters:
    ///   - metadata: what the caller sent beside the message.
    ///   - caller: who makes it; nil on an open server, which believes what a call claims.
    ///   - newRequestID: numbers a request that has no usable id of its own.
    package init(_ metadata: Metadata, caller: Caller? = nil, newRequestID: () -> String) {
        let principal = caller?.name ?? metadata["x-holdfast-principal"].flatMap(usable)
        let requestID = metadata["x-request-id"].flatMap(usable)
        self.init(
            principal: principal ?? AccessCaller.nobody,
            requestID: requestID ?? newRequestID(),
            traceID: metadata["traceparent"].flatMap(parsedTraceID) ?? "",
        )
    }
}

/// The text, when it is printable ASCII of 1 to 128 bytes.
private func usable(_ text: String) -> String? {
    let bytes = text.utf8
    guard (1...128).contains(bytes.count), bytes.allSatisfy({ (0x20...0x7e).contains($0) }) else {
        return nil
    }
    return text
}

/// The trace id of a W3C `traceparent`: version, trace id, parent id and flags in lower-case hex.
private func parsedTraceID(_ header: String) -> String? {
    let parts = header.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, parts[0].utf8.count == 2, parts[1].utf8.count == 32,
        parts[2].utf8.count == 16, parts[3].utf8.count == 2,
        parts[..<4].allSatisfy({ $0.utf8.allSatisfy(isLowerHex) })
    else { return nil }
    // Version 00 has exactly four parts; ff is forbidden; all zeros name nothing.
    guard parts[0] != "ff", parts[0] != "00" || parts.count == 4,
        parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" })
    else { return nil }
    return String(parts[1])
}

private func isLowerHex(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
}
