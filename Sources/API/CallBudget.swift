// The time of a call goes with its task: everything below the services reads it there.

internal import Base
internal import NIOCore
internal import RPC

/// Runs the handler of `call` with the call's deadline; does not begin when that has passed.
func withinDeadline<Value>(
    of call: ServerCall,
    _ body: () async throws(Status) -> Value,
) async throws(Status) -> Value {
    guard let deadline = call.deadline else { return try await body() }
    return try await within(deadline, body)
}

/// Runs a piece of work with a deadline of its own; does not begin when that has passed.
func within<Value>(
    _ deadline: NIODeadline,
    _ body: () async throws(Status) -> Value,
) async throws(Status) -> Value {
    let budget = Deadline(nanoseconds: Int64(clamping: deadline.uptimeNanoseconds))
    if budget.hasPassed {
        throw Status(.deadlineExceeded, "the time for the call was over")
    }
    let outcome: Result<Value, Status> = await Deadline.$current.withValue(budget) {
        do throws(Status) {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }
    return try outcome.get()
}
