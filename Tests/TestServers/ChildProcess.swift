// Starts programs for tests and makes sure that none outlives the test process. Every server gets a
// watchdog: a shell that waits on a pipe whose other end only this process holds. However this
// process ends, the pipe closes, and the watchdog ends the server and removes its directory.
// (The parent-death signal would not do: it fires when the starting *thread* ends.)

internal import Foundation

/// A program could not be started, or failed.
package struct ServerFailure: Error, CustomStringConvertible {
    package let description: String
}

/// How a finished program ended, and what it wrote.
struct Finished {
    let status: Int32
    let output: String
}

/// Starts a program in a session of its own; its output goes to `output`.
func spawn(_ arguments: [String], input: Int32? = nil, output: String) throws -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    if let input {
        unsafe posix_spawn_file_actions_adddup2(&actions, input, 0)
    } else {
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    }
    let flags = O_WRONLY | O_CREAT | O_APPEND
    unsafe posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o644)
    unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Nothing else may be inherited, or a socket would stay open after this process closed it.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
        if let descriptor = Int32(name), descriptor > 2 {
            unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
        }
    }

    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // A Ctrl-C meant for the tests must not reach servers and watchdogs. Signals that the tests'
    // runtime ignores or blocks are set back to normal.
    let setSession: Int32 = 0x80
    var all = sigset_t()
    var none = sigset_t()
    unsafe sigfillset(&all)
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigdefault(&attributes, &all)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    let set = setSession | Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK)
    unsafe posix_spawnattr_setflags(&attributes, Int16(set))

    var argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer {
        for index in arguments.indices { unsafe free(argv[index]) }
    }
    var pid = pid_t()
    let result = unsafe posix_spawnp(&pid, arguments[0], &actions, &attributes, &argv, environ)
    guard result == 0 else {
        throw ServerFailure(description: "\(arguments[0]) cannot be started: \(result)")
    }
    return pid
}

/// Waits for a program that `spawn` started; 128 and more is a signal.
@discardableResult
func reap(_ pid: pid_t) -> Int32 {
    var status: Int32 = 0
    while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
    return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
}

/// Whether a program that `spawn` started has ended; it is reaped then.
func hasEnded(_ pid: pid_t) -> Bool {
    var status: Int32 = 0
    return unsafe waitpid(pid, &status, WNOHANG) == pid
}

/// Runs a program to its end.
func run(_ arguments: [String]) throws -> Finished {
    let output = "/tmp/hf-run-\(UUID().uuidString)"
    defer { unsafe unlink(output) }
    let status = reap(try spawn(arguments, output: output))
    let text = try String(contentsOfFile: output, encoding: .utf8)
    return Finished(status: status, output: text)
}

/// Runs a program that must succeed, and returns what it wrote.
@discardableResult
func check(_ arguments: [String]) throws -> String {
    let finished = try run(arguments)
    guard finished.status == 0 else {
        let line = arguments.joined(separator: " ")
        throw ServerFailure(description: "\(line): \(finished.status): \(finished.output)")
    }
    return finished.output
}

/// Ends what this process leaves behind, when it ends.
struct Watchdog: Sendable {
    let pid: pid_t
    /// The end of the pipe that only this process holds.
    let end: Int32

    /// Lets it go: what it watched is gone already.
    func dismiss() {
        kill(pid, SIGKILL)
        reap(pid)
        close(end)
    }
}

/// Runs `script` with `arguments` as $1, $2, … when this process ends, however it ends.
@discardableResult
func startWatchdog(_ script: String, _ arguments: [String]) throws -> Watchdog {
    var ends: [Int32] = [0, 0]
    let isMade = unsafe pipe(&ends) == 0
    guard isMade else { throw ServerFailure(description: "no pipe: \(errno)") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let shell = ["/bin/sh", "-c", "cat > /dev/null; \(script)", "watchdog"]
    // Nobody waits for the watchdog: it outlives this process. The write end stays open.
    let pid = try spawn(shell + arguments, input: ends[0], output: "/dev/null")
    close(ends[0])
    return Watchdog(pid: pid, end: ends[1])
}

/// A new private directory with a short path, which goes away with this process.
package func makePrivateDirectory(_ prefix: String) throws -> String {
    let directory = try makeDirectory(prefix)
    try startWatchdog(#"rm -rf "$1""#, [directory])
    return directory
}

/// A new private directory with a short path: the path of a socket has at most 107 bytes.
func makeDirectory(_ prefix: String) throws -> String {
    var template = Array("/tmp/\(prefix)-XXXXXX".utf8CString)
    guard let path = unsafe mkdtemp(&template) else {
        throw ServerFailure(description: "no directory: \(errno)")
    }
    return unsafe String(cString: path)
}

/// Asks until `condition` holds, at most so many seconds.
func wait(seconds: Int, for what: String, _ condition: () -> Bool) throws {
    for _ in 0..<(seconds * 100) {
        if condition() { return }
        usleep(10_000)
    }
    throw ServerFailure(description: "waited \(seconds) s for \(what)")
}
