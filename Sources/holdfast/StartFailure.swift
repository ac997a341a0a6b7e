// Why a server did not start, in words that say what to do.

internal import Foundation
internal import RPC

/// Explains failures of the start.
enum StartFailure {
    /// The failure as a command's error.
    static func explained(_ error: any Error) -> CommandError {
        switch error {
        case let error as CommandError: return error
        case let error as AccessFileError: return CommandError(error)
        case let error as TLSFileError: return CommandError(.invalid, "\(error)")
        case RPCServerError.portInUse(let host, let port):
            return CommandError(
                .failed,
                "somebody listens on \(host):\(port) already",
                hint: "choose another with --grpc-port, or 0 for a free one",
            )
        case RPCServerError.cannotListen(let host, let port, let reason):
            return CommandError(.failed, "cannot listen on \(host):\(port): \(reason)")
        case RPCServerError.alreadyStarted:
            return CommandError(.failed, "the server was started already")
        default: return CommandError(.failed, "cannot start: \(error)")
        }
    }
}
