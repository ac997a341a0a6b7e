-- Contract: see write_back_channel in V0023_channel_write_back.sql.
SELECT w.outcome, w.epoch, w.version, w.free_after
FROM write_back_channel($1, $2, $3, $4, $5, $6, $7, $8, $9) w
