// How many connections a server has, in all and from each address, over all its loops.

internal import Synchronization

/// Counts connections, from any thread.
///
/// It locks once per connection, never per call.
final class ConnectionCount: Sendable {
    private struct State {
        var count = 0
        var byAddress: [String: Int] = [:]
    }

    private let connectionsMax: Int
    private let perAddressMax: Int
    private let state = Mutex(State())

    /// - Parameter perAddressMax: 0 sets no bound.
    init(connectionsMax: Int, perAddressMax: Int) {
        self.connectionsMax = connectionsMax
        self.perAddressMax = perAddressMax
    }

    /// Counts one more from the address, or says which limit forbids it.
    func enter(_ address: String) -> RPCLimit? {
        state.withLock { state in
            if state.count >= connectionsMax { return .connections }
            let count = state.byAddress[address] ?? 0
            if perAddressMax > 0, count >= perAddressMax { return .connectionsPerAddress }
            state.count += 1
            state.byAddress[address] = count + 1
            return nil
        }
    }

    func leave(_ address: String) {
        state.withLock { state in
            state.count -= 1
            let count = state.byAddress[address] ?? 0
            state.byAddress[address] = count > 1 ? count - 1 : nil
        }
    }
}
