// How a command ends when it does not do what it was asked: one exit status, one message, and where
// the server said more, every field and reason. Scripts tell outcomes apart by the status alone.

internal import Base
internal import Foundation
internal import RPC

/// What a command's exit status tells a script; `holdfast --help` documents the same list.
enum CommandStatus: Int32, CaseIterable {
    case done = 0
    case failed = 1
    case invalid = 2
    case refused = 3
    case notFound = 4
    case unreachable = 5
    case denied = 6
    case drifting = 7
    case unsound = 8

    /// What it means, for the help text.
    var meaning: String {
        switch self {
        case .done: "done"
        case .failed: "failed, or the server cannot do it now"
        case .invalid: "wrong usage or an invalid argument; nothing was changed"
        case .refused: "refused: sold out, wrong state, or it exists already"
        case .notFound: "not found"
        case .unreachable: "no answer: server unreachable or deadline over"
        case .denied: "the server does not know the caller, or the caller may not do this"
        case .drifting: "drift was found, or is left after a repair"
        case .unsound: "a check found that the ledger is not what it was, or does not add up"
        }
    }
}

/// A command's failure, ready to be told.
struct CommandError: Error, Equatable {
    var exit: CommandStatus
    var message: String
    /// The machine-readable reason of the server, such as `SOLD_OUT`.
    var reason: String?
    /// The gRPC code's name, when a server answered.
    var code: String?
    /// What is wrong with which part of the request.
    var violations: [Violation] = []
    /// What to do next.
    var hint: String?

    /// One part of the request that is wrong, or one condition that does not hold.
    struct Violation: Equatable {
        var field: String
        var description: String
    }

    init(_ exit: CommandStatus, _ message: String, hint: String? = nil) {
        self.exit = exit
        self.message = message
        self.hint = hint
    }

    /// Tells what the server answered, or that it did not.
    init(_ status: Status) {
        exit = Self.exit(for: status)
        message = status.message.isEmpty ? status.code.name : status.message
        code = status.code.name
        if status.code == .unauthenticated {
            hint = "--token-file FILE, HOLDFAST_TOKEN_FILE or HOLDFAST_TOKEN brings a token"
        }
        for detail in status.details {
            switch detail {
            case .badRequest(let fields):
                violations += fields.map {
                    Violation(field: $0.field, description: $0.description)
                }
            case .preconditionFailure(let conditions):
                violations += conditions.map {
                    Violation(field: $0.subject, description: $0.description)
                }
            case .errorInfo(let reason, _, _): self.reason = reason
            case .retryInfo(let milliseconds):
                hint = "the server asks to try again in \(milliseconds) ms"
            case .resourceInfo, .other: break
            }
        }
    }

    private static func exit(for status: Status) -> CommandStatus {
        switch status.code {
        case .ok: .done
        case .invalidArgument, .outOfRange: .invalid
        case .failedPrecondition, .alreadyExists, .aborted: .refused
        case .notFound: .notFound
        case .deadlineExceeded: .unreachable
        // A server that answers says why; a lost connection cannot.
        case .unavailable: status.details.isEmpty ? .unreachable : .failed
        case .unauthenticated, .permissionDenied: .denied
        case .cancelled, .unknown, .resourceExhausted, .unimplemented, .internal, .dataLoss:
            .failed
        }
    }

    // MARK: Text

    /// Lines for people.
    var text: String {
        var lines = ["error: \(printable(message))"]
        for violation in violations {
            lines.append("  \(printable(violation.field)): \(printable(violation.description))")
        }
        if let reason { lines.append("reason: \(printable(reason))") }
        if let hint { lines.append("hint: \(printable(hint))") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// One object for scripts, on one line.
    var json: String {
        struct Body: Encodable {
            struct Field: Encodable {
                var field: String
                var description: String
            }

            var message: String
            var exitStatus: Int32
            var code: String?
            var reason: String?
            var violations: [Field]
            var hint: String?
        }
        let body = Body(
            message: message,
            exitStatus: exit.rawValue,
            code: code,
            reason: reason,
            violations: violations.map { .init(field: $0.field, description: $0.description) },
            hint: hint,
        )
        return JSONText.encoded(["error": body]) + "\n"
    }
}
