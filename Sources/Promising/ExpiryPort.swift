// What the sweep of expired holds needs from the authority.

/// What one sweep found and did.
package struct ExpirySweep: Sendable {
    /// True when other servers were sweeping a part of the holds, which was not looked at.
    package var isBusy: Bool
    /// Holds that were due and have been given back.
    package var found: Int
    /// For how long the oldest of them had been due, in milliseconds.
    package var lagMs: Int64
    package var settlement: Settlement

    package init(isBusy: Bool, found: Int, lagMs: Int64, settlement: Settlement) {
        self.isBusy = isBusy
        self.found = found
        self.lagMs = lagMs
        self.settlement = settlement
    }
}

/// Gives back the units of holds whose time is over, by the clock of the database alone.
package protocol ExpiryPort: Sendable {
    /// Gives back at most `limit` holds, in one transaction.
    func expireDue(limit: Int) async throws(Failure) -> ExpirySweep
}
