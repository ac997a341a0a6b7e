// Who asks, in what: read from a call's metadata. What a caller says about itself is text for the
// audit trail and nothing else; it grants nothing.

package import Domain
package import RPC

extension Origin {
    /// Reads principal, request id and trace of a call.
    ///
    /// - Parameters:
    ///   - metadata: what the caller sent beside the message.
    ///   - newRequestID: numbers a request that has no usable id of its own.
    package init(_ metadata: Metadata, newRequestID: () -> String) {
        let principal = metadata["x-holdfast-principal"].flatMap(usable)
        let requestID = metadata["x-request-id"].flatMap(usable)
        self.init(
            principal: principal ?? "anonymous",
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
