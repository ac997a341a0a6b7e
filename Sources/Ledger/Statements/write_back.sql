-- Contract: see write_back in V0010_drift.sql.
SELECT w.outcome, w.epoch, w.version, w.step, w.free_after
FROM write_back($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) w
