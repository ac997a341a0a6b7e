// The one channel that a call may be about. A caller that is let in by its role `channel` alone acts for
// its own channel, and finds nothing of any other.
//
// A request that names no channel where it could is taken to mean the caller's own: units withheld
// from a channel would otherwise be had by not naming it. The fingerprint of the request is made of
// what it was taken to mean, so a retry may name the channel or not.

package import RPC

/// What a call is limited to.
package struct ChannelLimit: Hashable, Sendable {
    /// The channel; empty: any.
    package let channel: String

    package init(_ channel: String = "") {
        self.channel = channel
    }

    /// The channel that a request is about, of the one that it names in `field`.
    ///
    /// - Throws: PERMISSION_DENIED with the field, when it names somebody else's.
    package func channel(
        named: String,
        _ field: @autoclosure () -> String,
    ) throws(Status) -> String {
        if channel.isEmpty || named == channel { return named }
        if named.isEmpty { return channel }
        let field = field()
        throw Status(
            .permissionDenied,
            "\(field) is not the caller's channel",
            details: [
                .badRequest([
                    FieldViolation(field: field, description: "must be the caller's own channel")
                ])
            ],
        )
    }

    /// Whether something of that channel may be seen and changed.
    package func covers(_ other: String) -> Bool {
        channel.isEmpty || channel == other
    }
}
