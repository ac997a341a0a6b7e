// Keys and fingerprints of requests: the same key with the same body is a retry.

internal import Base
internal import Domain
package import Promising

extension DigestBuilder {
    /// Begins the fingerprint of a request to `method`.
    package init(method: String) {
        self.init()
        add(method)
    }
}

extension CommandHeader {
    /// The header of a stock command.
    init(stock idempotencyKey: String, _ body: DigestBuilder, _ origin: Origin) {
        self.init(
            key: DigestBuilder.key(.stock, idempotencyKey),
            fingerprint: body.digest(),
            origin: origin,
        )
    }
}
