// Checks that stay on in release builds. `precondition("text")` prints nothing there; this does.

/// Stops the process when a condition that our own code guarantees is false.
///
/// Says file, line and message. Never use it for what a caller, a peer or a disk may get wrong.
@inlinable
package func invariant(
    _ condition: @autoclosure () -> Bool,
    _ message: @autoclosure () -> String,
    file: StaticString = #fileID,
    line: UInt = #line,
) {
    if !condition() {
        invariantBroken(message(), file: file, line: line)
    }
}

/// Stops the process: the code has reached a place that it proves unreachable.
@inlinable
package func invariantBroken(
    _ message: @autoclosure () -> String,
    file: StaticString = #fileID,
    line: UInt = #line,
) -> Never {
    fatalError("invariant broken: \(message())", file: file, line: line)
}
