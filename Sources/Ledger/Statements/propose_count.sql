-- Contract: V0008_cycle_counts.sql.
SELECT outcome, what FROM propose_count($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
