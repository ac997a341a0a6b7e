// What a client of Postgres is told at start, and how a statement is named. Plain values only.

/// How to reach Postgres and how much to ask of it.
package struct PostgresConfiguration: Sendable {
    /// A libpq connection string or URI, passed through untouched (several hosts are fine).
    package var conninfo: String
    /// Connections of `Lane.pool`.
    package var connections: Int
    /// Connections of `Lane.writer(0)` up to `Lane.writer(writers - 1)`.
    package var writers: Int
    /// `statement_timeout` of pool and writer connections, milliseconds; 0 is none.
    ///
    /// A statement that may take long has less when its caller has less time.
    /// The server stops the timer before it commits, so it never interrupts a commit that waits
    /// for a standby.
    package var statementTimeoutMs: Int
    /// The longest a unit may be first in its pipeline without an answer, milliseconds; 0 is none.
    ///
    /// Then the connection is closed and the outcome is unknown.
    package var replyTimeoutMs: Int
    /// The longest to wait for one host, milliseconds; libpq rounds to seconds, at least 2.
    package var connectTimeoutMs: Int
    /// The longest a unit waits to be sent, milliseconds, whether the connection is down or busy.
    package var queueTimeoutMs: Int
    /// `application_name` of every connection.
    package var applicationName: String
    /// Units accepted and not answered yet, over all lanes; more are refused with `queueFull`.
    package var queueMax: Int
    /// Units in the pipeline of one connection.
    package var inFlightMax: Int
    /// Server settings of the writers' connections, for example `plan_cache_mode`.
    package var writerSettings: [String: String]
    /// Server settings of the pool's connections.
    package var poolSettings: [String: String]
    /// The role that every connection takes on; nil: that of the login.
    package var role: String?

    package init(
        conninfo: String,
        connections: Int = 4,
        writers: Int = 1,
        statementTimeoutMs: Int = 5_000,
        replyTimeoutMs: Int = 15_000,
        connectTimeoutMs: Int = 2_000,
        queueTimeoutMs: Int = 5_000,
        applicationName: String = "holdfast",
        queueMax: Int = 16_384,
        inFlightMax: Int = 32,
        writerSettings: [String: String] = [:],
        poolSettings: [String: String] = [:],
        role: String? = nil,
    ) {
        self.conninfo = conninfo
        self.connections = connections
        self.writers = writers
        self.statementTimeoutMs = statementTimeoutMs
        self.replyTimeoutMs = replyTimeoutMs
        self.connectTimeoutMs = connectTimeoutMs
        self.queueTimeoutMs = queueTimeoutMs
        self.applicationName = applicationName
        self.queueMax = queueMax
        self.inFlightMax = inFlightMax
        self.writerSettings = writerSettings
        self.poolSettings = poolSettings
        self.role = role
    }
}

/// Which connection a unit may use.
package enum Lane: Sendable, Hashable {
    /// A connection of its own, so that units run and commit in the order of submission.
    case writer(Int)
    /// The least busy of the pool's connections.
    case pool
}

/// A statement that each connection prepares when it first uses it.
package struct Statement: Sendable, Hashable {
    /// Unique per SQL text within a process: it is the name on the server.
    package let name: String
    package let sql: String
    /// The type of each parameter; see `OID`.
    package let parameterTypes: [UInt32]
    /// Whether it may wait for locks or read many rows: the server gives it up when its caller's
    /// time is over.
    package let mayTakeLong: Bool

    package init(
        name: String,
        sql: String,
        parameterTypes: [UInt32] = [],
        mayTakeLong: Bool = false,
    ) {
        self.name = name
        self.sql = sql
        self.parameterTypes = parameterTypes
        self.mayTakeLong = mayTakeLong
    }
}

/// Object ids of the types that parameters and results may have.
package enum OID {
    package static let bool: UInt32 = 16
    package static let bytea: UInt32 = 17
    package static let name: UInt32 = 19
    package static let int8: UInt32 = 20
    package static let int2: UInt32 = 21
    package static let int4: UInt32 = 23
    package static let text: UInt32 = 25
    package static let oid: UInt32 = 26
    package static let json: UInt32 = 114
    package static let void: UInt32 = 2278
    package static let bpchar: UInt32 = 1042
    package static let varchar: UInt32 = 1043
    package static let timestamptz: UInt32 = 1184
    package static let uuid: UInt32 = 2950

    package static let bools: UInt32 = 1000
    package static let byteas: UInt32 = 1001
    package static let int2s: UInt32 = 1005
    package static let int4s: UInt32 = 1007
    package static let texts: UInt32 = 1009
    package static let varchars: UInt32 = 1015
    package static let int8s: UInt32 = 1016
    package static let timestamptzs: UInt32 = 1185
    package static let uuids: UInt32 = 2951

    /// Whether `actual` is `type`, or another name for the same bytes.
    static func canStand(_ actual: UInt32, for type: UInt32) -> Bool {
        if actual == type { return true }
        switch type {
        case text:
            return actual == varchar || actual == bpchar || actual == name || actual == json
        case texts: return actual == varchars
        case int4: return actual == oid
        default: return false
        }
    }
}

/// What the client has done so far; counters only grow.
package struct PostgresStatistics: Sendable, Hashable {
    /// Units handed to a connection.
    package var unitsSent = 0
    /// Units answered, with success or not.
    package var unitsFinished = 0
    /// Units that were not sent, because their callers' time was over.
    package var unitsLate = 0
    /// Units accepted and not answered yet, as of the last turn of the thread.
    package var unitsOutstanding = 0
    package var connectionsOpened = 0
    package var connectionsLost = 0
    package var connectFailures = 0
    /// Notices and warnings from the server.
    package var notices = 0
    /// Connections of pool and writers that are up now.
    package var connectionsUp = 0

    package init() {}
}
