// Heads and statuses as header blocks.

extension HeaderBlock {
    /// The longest `grpc-message`, in bytes before encoding; a longer one is cut.
    private static let statusMessageBytesMax = 2_048
    /// The largest `grpc-status-details-bin` in bytes before encoding; a larger one is left out.
    private static let statusDetailsBytesMax = 4_096

    /// The head of a reply.
    init(httpStatus: Int) {
        self.init()
        add(":status", "\(httpStatus)")
        add("content-type", "application/grpc")
    }

    /// The whole answer of a call that has nothing but a status.
    init(answering status: Status) {
        self.init(httpStatus: 200)
        add(status)
    }

    /// Adds what tells a status.
    mutating func add(_ status: Status) {
        add("grpc-status", "\(status.code.rawValue)")
        if !status.message.isEmpty {
            let message = status.message.utf8.prefix(Self.statusMessageBytesMax)
            add("grpc-message", PercentEncoding.encode(String(decoding: message, as: UTF8.self)))
        }
        if let details = status.encodedDetails(), details.count <= Self.statusDetailsBytesMax {
            add("grpc-status-details-bin", Base64.encode(details))
        }
        // What retries that are built into clients go by.
        if let delay = status.retryDelayMilliseconds {
            add("grpc-retry-pushback-ms", "\(delay)")
        }
    }
}
