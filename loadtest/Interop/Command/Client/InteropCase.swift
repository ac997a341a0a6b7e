// The cases that the client can play, by their public names, and how each is played.

/// A case of gRPC's interoperability tests.
enum InteropCase: String, CaseIterable, Sendable {
    case emptyUnary = "empty_unary"
    case largeUnary = "large_unary"
    case clientCompressedUnary = "client_compressed_unary"
    case serverCompressedUnary = "server_compressed_unary"
    case clientStreaming = "client_streaming"
    case clientCompressedStreaming = "client_compressed_streaming"
    case serverStreaming = "server_streaming"
    case serverCompressedStreaming = "server_compressed_streaming"
    case pingPong = "ping_pong"
    case emptyStream = "empty_stream"
    case halfDuplex = "half_duplex"
    case statusCodeAndMessage = "status_code_and_message"
    case specialStatusMessage = "special_status_message"
    case unimplementedMethod = "unimplemented_method"
    case unimplementedService = "unimplemented_service"
    case customMetadata = "custom_metadata"
    case cancelAfterBegin = "cancel_after_begin"
    case cancelAfterFirstResponse = "cancel_after_first_response"
    case timeoutOnSleepingServer = "timeout_on_sleeping_server"
    case slowConsumer = "slow_consumer"

    /// Plays the case; returns when everything was as it should be.
    func play(_ peer: InteropPeer) async throws(CaseFailure) {
        switch self {
        case .emptyUnary: try await peer.emptyUnary()
        case .largeUnary: try await peer.largeUnary()
        case .clientCompressedUnary: try await peer.clientCompressedUnary()
        case .serverCompressedUnary: try await peer.serverCompressedUnary()
        case .clientStreaming: try await peer.clientStreaming()
        case .clientCompressedStreaming: try await peer.clientCompressedStreaming()
        case .serverStreaming: try await peer.serverStreaming()
        case .serverCompressedStreaming: try await peer.serverCompressedStreaming()
        case .pingPong: try await peer.pingPong()
        case .emptyStream: try await peer.emptyStream()
        case .halfDuplex: try await peer.halfDuplex()
        case .statusCodeAndMessage: try await peer.statusCodeAndMessage()
        case .specialStatusMessage: try await peer.specialStatusMessage()
        case .unimplementedMethod: try await peer.unimplemented("grpc.testing.TestService")
        case .unimplementedService:
            try await peer.unimplemented("grpc.testing.UnimplementedService")
        case .customMetadata: try await peer.customMetadata()
        case .cancelAfterBegin: try await peer.cancelAfterBegin()
        case .cancelAfterFirstResponse: try await peer.cancelAfterFirstResponse()
        case .timeoutOnSleepingServer: try await peer.timeoutOnSleepingServer()
        case .slowConsumer: try await peer.slowConsumer()
        }
    }
}
