// Every figure that a server publishes, as a case: dashboards and alerts are checked against this
// list. A name, once published, never changes its meaning.

/// What a figure does over time.
package enum MetricKind: String, Sendable {
    /// Only grows, until the process ends.
    case counter
    /// Goes up and down.
    case gauge
    /// Counts of observations by size.
    case histogram
}

/// What one of a figure's series differs in from the others.
package enum MetricLabel: String, Sendable, CaseIterable {
    /// `/package.Service/Method`, or `unknown`.
    case method
    /// The name of a code of gRPC, such as `OK`.
    case code
    /// The name of a limit, such as `resets`.
    case limit
    /// The version of this program.
    case version
    /// How something ended: `done` or `failed`.
    case outcome
    /// Who sees to an exception, such as `routing`.
    case queue
}

/// A published figure.
package enum Metric: String, CaseIterable, Sendable {
    case rpcCalls = "holdfast_rpc_calls_total"
    case rpcCallDuration = "holdfast_rpc_call_duration_seconds"
    case rpcConnections = "holdfast_rpc_connections"
    case rpcCallsInFlight = "holdfast_rpc_calls_in_flight"
    case rpcLimitHits = "holdfast_rpc_limit_hits_total"

    case gateScriptCalls = "holdfast_gate_script_calls_total"
    case gateAdmitted = "holdfast_gate_admitted_total"
    case gateRefused = "holdfast_gate_refused_total"
    case gateClosures = "holdfast_gate_closures_total"
    case gateFailures = "holdfast_gate_failures_total"
    case gateReopenings = "holdfast_gate_reopenings_total"
    case gateReopeningSeconds = "holdfast_gate_reopening_seconds_total"
    case gateReopeningLast = "holdfast_gate_reopening_last_seconds"
    case gateClosedSeconds = "holdfast_gate_closed_seconds_total"
    case gateClosedLongest = "holdfast_gate_closed_longest_seconds"
    case gateWarmed = "holdfast_gate_warmed_positions_total"
    case gateWarming = "holdfast_gate_warming"
    case gateWarmUpLast = "holdfast_gate_warm_up_last_seconds"
    case gateDroppedViews = "holdfast_gate_dropped_views_total"
    case gateLate = "holdfast_gate_late_total"
    case gateHealed = "holdfast_gate_healed_holds_total"
    case gateOpen = "holdfast_gate_open"
    case gateEpoch = "holdfast_gate_epoch"

    case ledgerBatches = "holdfast_ledger_batches_total"
    case ledgerBatchRequests = "holdfast_ledger_batch_requests_total"
    case ledgerBatchRetries = "holdfast_ledger_batch_retries_total"
    case ledgerBatchLate = "holdfast_ledger_batch_late_total"
    case ledgerSealedRows = "holdfast_ledger_sealed_rows_total"
    case ledgerSealLag = "holdfast_ledger_seal_lag_seconds"

    case postgresUnitsSent = "holdfast_postgres_units_sent_total"
    case postgresUnitsLate = "holdfast_postgres_units_late_total"
    case postgresUnitsFinished = "holdfast_postgres_units_finished_total"
    case postgresUnitsOutstanding = "holdfast_postgres_units_outstanding"
    case postgresConnectionsOpened = "holdfast_postgres_connections_opened_total"
    case postgresConnectionsLost = "holdfast_postgres_connections_lost_total"
    case postgresConnectFailures = "holdfast_postgres_connect_failures_total"
    case postgresNotices = "holdfast_postgres_notices_total"
    case postgresConnections = "holdfast_postgres_connections"

    case expired = "holdfast_expired_total"
    case expirySweepLag = "holdfast_expiry_sweep_lag_seconds"

    case reroutes = "holdfast_reroutes_total"
    case reroutedUnits = "holdfast_rerouted_units_total"
    case backorderedUnits = "holdfast_backordered_units_total"
    case reroutesPending = "holdfast_reroutes_pending"
    case exceptionsOpen = "holdfast_exceptions_open"

    case driftAudits = "holdfast_drift_audits_total"
    case driftAlarms = "holdfast_drift_alarms_total"
    case driftPositions = "holdfast_drift_positions"
    case driftUnitsMax = "holdfast_drift_units_max"
    case driftInUse = "holdfast_drift_positions_in_use"
    case driftAuditAge = "holdfast_drift_audit_age_seconds"
    case driftWalkStart = "holdfast_drift_walk_start_time_seconds"
    case driftLagVersions = "holdfast_drift_lag_versions_max"
    case driftLag = "holdfast_drift_lag_seconds_max"
    case driftInFlight = "holdfast_drift_in_flight_units"

    case accessReloads = "holdfast_access_reloads_total"
    case accessCallers = "holdfast_access_callers"
    case tlsHandshakeFailures = "holdfast_tls_handshake_failures_total"
    case tlsReloads = "holdfast_tls_reloads_total"
    case tlsCertificateExpiry = "holdfast_tls_certificate_expiry_seconds"

    case processResidentMemory = "process_resident_memory_bytes"
    case processCPU = "process_cpu_seconds_total"
    case processOpenFiles = "process_open_fds"
    case processStart = "process_start_time_seconds"
    case buildInfo = "holdfast_build_info"

    /// The name in Prometheus.
    package var name: String { rawValue }

    /// What its series differ in, in the order in which values are passed.
    package var labels: [MetricLabel] {
        switch self {
        case .rpcCalls: [.method, .code]
        case .rpcCallDuration: [.method]
        case .rpcLimitHits: [.limit]
        case .buildInfo: [.version]
        case .exceptionsOpen: [.queue]
        case .accessReloads, .tlsReloads: [.outcome]
        default: []
        }
    }

    package var kind: MetricKind {
        switch self {
        case .rpcCallDuration: .histogram
        case .rpcConnections, .rpcCallsInFlight, .gateOpen, .gateEpoch, .gateReopeningLast,
            .gateClosedLongest, .gateWarming, .gateWarmUpLast,
            .postgresUnitsOutstanding, .postgresConnections, .expirySweepLag, .ledgerSealLag,
            .accessCallers, .reroutesPending, .exceptionsOpen,
            .tlsCertificateExpiry,
            .driftPositions, .driftUnitsMax, .driftInUse, .driftAuditAge,
            .driftWalkStart, .driftLagVersions, .driftLag, .driftInFlight,
            .processResidentMemory, .processOpenFiles, .processStart, .buildInfo:
            .gauge
        default: .counter
        }
    }

    /// What it counts, in one sentence.
    package var help: String {
        switch self {
        case .rpcCalls: "Calls answered, by method and code."
        case .rpcCallDuration: "Seconds from a call's headers to its last byte handed over."
        case .rpcConnections: "Connections that are open."
        case .rpcCallsInFlight: "Calls that are not answered yet."
        case .rpcLimitHits: "Times that a peer, or all of them, ran into a limit, by its name."
        case .gateScriptCalls: "Script calls to Redis; each carries a turn's requests."
        case .gateAdmitted: "Reservations that the gate admitted."
        case .gateRefused: "Reservations that the gate refused."
        case .gateClosures: "Times that the gate closed because its counters could not be trusted."
        case .gateHealed: "Pending holds that nobody ended in time and that were healed away."
        case .gateLate: "Admissions that were given up because their caller's time was over."
        case .gateFailures: "Script calls that failed or got no answer."
        case .gateReopenings: "Times that the gate opened again under a new epoch."
        case .gateReopeningSeconds: "Seconds that opening new epochs took this server."
        case .gateReopeningLast: "Seconds that this server took to open its latest epoch."
        case .gateClosedSeconds:
            "Seconds from failed calls of the gate to the next answer: the refusal window."
        case .gateClosedLongest: "The longest such window, or the one that has not ended."
        case .gateWarmed: "Positions loaded into the view ahead of requests."
        case .gateWarming: "1 while the view of a new epoch is being loaded, else 0."
        case .gateWarmUpLast: "Seconds that loading the view of the latest epoch took, or takes."
        case .gateDroppedViews: "Views of positions dropped because they contradicted the truth."
        case .gateOpen: "1 while the gate admits, 0 while it is closed."
        case .gateEpoch: "The epoch that the gate is open under, 0 before the first."
        case .ledgerBatches: "Batches committed to Postgres."
        case .ledgerBatchRequests: "Requests within the batches committed."
        case .ledgerBatchRetries: "Batches sent again, whole or split."
        case .ledgerBatchLate: "Requests that left no batch because their caller's time was over."
        case .ledgerSealedRows: "Rows of ledger and audit trail that this server sealed."
        case .ledgerSealLag: "Seconds since all that was committed then was found sealed."
        case .postgresUnitsLate: "Units of work not sent because their caller's time was over."
        case .postgresUnitsSent: "Units of work handed to a Postgres connection."
        case .postgresUnitsFinished: "Units of work that Postgres answered, with success or not."
        case .postgresUnitsOutstanding: "Units of work accepted and not answered yet."
        case .postgresConnectionsOpened: "Postgres connections opened."
        case .postgresConnectionsLost: "Postgres connections lost."
        case .postgresConnectFailures: "Attempts to connect to Postgres that failed."
        case .postgresNotices: "Notices and warnings from Postgres."
        case .postgresConnections: "Postgres connections that are up."
        case .expired: "Reservations that this server expired."
        case .expirySweepLag: "Seconds that the oldest hold due for expiry has waited."
        case .reroutes: "Re-routes that this server looked at, each as often as it did."
        case .reroutedUnits: "Units of orders that this server gave another node."
        case .backorderedUnits: "Units of orders that this server found no other node for."
        case .reroutesPending: "Re-routes that are not decided yet, of all servers."
        case .exceptionsOpen: "Exceptions that somebody has to see to, of all servers, by queue."
        case .driftAudits: "Positions that the watcher audited, each as often as it was."
        case .driftAlarms: "Alarms that the watcher raised because two audits found drift."
        case .driftPositions: "Positions with an alarm of drift that is not over; page at 1."
        case .driftUnitsMax: "Units of the largest drift that is not over, whatever its sign."
        case .driftInUse: "Positions that were touched within the last seconds."
        case .driftAuditAge: "Seconds since the audit of the position in use that waits longest."
        case .driftWalkStart:
            "Start of the last whole walk over all positions, in seconds since 1970-01-01 UTC; 0: none."
        case .driftLagVersions: "The most versions that the view of a position in use lacked."
        case .driftLag:
            "Seconds for which the oldest version that a view in use lacked was committed."
        case .driftInFlight: "Units of pending holds at the positions in use."
        case .accessReloads: "Changed contents of the access file that were taken, or failed to be."
        case .accessCallers: "Callers that the access file names; 0: open to everybody."
        case .tlsHandshakeFailures: "Connections that ended before their TLS handshake was over."
        case .tlsReloads: "Changed certificate files that were taken, or failed to be."
        case .tlsCertificateExpiry:
            "End of the server's certificate, in seconds since 1970-01-01 UTC; 0 without TLS."
        case .processResidentMemory: "Resident memory, in bytes."
        case .processCPU: "CPU time of user and system, in seconds."
        case .processOpenFiles: "File descriptors that are open."
        case .processStart: "Start of the process, in seconds since 1970-01-01 UTC."
        case .buildInfo: "Always 1; the label names the version that runs."
        }
    }
}
