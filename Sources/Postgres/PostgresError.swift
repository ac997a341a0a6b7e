// The one error of this module. What a log may show is in `description`; values of customers can
// stand in DETAIL and in some messages, so these appear in `debugDescription` only.

/// Why a unit of work, or a connection, failed.
package struct PostgresError: Error, Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// The connection ended; `outcomeUnknown` tells whether the unit had been sent.
        case connectionLost
        /// No connection could be made in time; nothing was sent.
        case connectFailed
        /// No answer (then `outcomeUnknown`), or no turn to be sent, in time.
        case timeout
        /// The server refused; the whole unit was rolled back.
        case server(sqlstate: String)
        /// Too many units are waiting; nothing was sent.
        case queueFull
        /// The caller's time was over before the unit was sent; nothing was sent.
        case late
        /// The client is shut down, or was before the unit got its answer.
        case shutDown
    }

    package let kind: Kind
    /// True when the unit was sent and nobody can say whether it was committed.
    package let outcomeUnknown: Bool
    package let message: String
    package var detail: String?
    package var hint: String?
    /// The violated constraint, when the server names one.
    package var constraint: String?
    /// Where in the statement, counted in characters from 1.
    package var position: Int?

    package init(_ kind: Kind, _ message: String, outcomeUnknown: Bool = false) {
        self.kind = kind
        self.message = message
        self.outcomeUnknown = outcomeUnknown
    }

    /// The five characters of the server's code; empty when the error is not the server's.
    package var sqlstate: String {
        if case .server(let sqlstate) = kind { sqlstate } else { "" }
    }

    /// True when nothing was done and the same unit may succeed when it is sent again.
    ///
    /// Never true together with `outcomeUnknown`: such a unit may only be repeated by someone who
    /// knows it to be idempotent.
    package var isRetryable: Bool {
        if outcomeUnknown { return false }
        switch kind {
        case .connectionLost, .connectFailed, .timeout, .queueFull: return true
        case .shutDown, .late: return false
        case .server(let sqlstate):
            // Serialisation and deadlock, lock timeout, read-only after a failover, shutting down,
            // connection and resource troubles.
            return ["40001", "40P01", "55P03", "25006", "57P01", "57P02", "57P03"]
                .contains(sqlstate)
                || sqlstate.hasPrefix("08") || sqlstate.hasPrefix("53")
        }
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// Without DETAIL, and without the message where it quotes a value (class 22).
    package var description: String {
        var text: String
        switch kind {
        case .connectionLost: text = "postgres connection lost"
        case .connectFailed: text = "postgres cannot be reached"
        case .timeout: text = "postgres did not answer in time"
        case .server(let sqlstate): text = "postgres error \(sqlstate)"
        case .queueFull: text = "too many units wait for postgres"
        case .late: text = "the caller's time was over before postgres was asked"
        case .shutDown: text = "postgres client is shut down"
        }
        if !sqlstate.hasPrefix("22"), !message.isEmpty {
            text += ": \(message)"
        }
        if let constraint { text += " (constraint \(constraint))" }
        if outcomeUnknown { text += " (outcome unknown)" }
        return text
    }

    package var debugDescription: String {
        var text = description
        if sqlstate.hasPrefix("22") { text += ": \(message)" }
        if let detail { text += "; detail: \(detail)" }
        if let hint { text += "; hint: \(hint)" }
        if let position { text += "; position: \(position)" }
        return text
    }
}
