-- Contract: V0017_route_decisions.sql.
SELECT epoch, outcome, short_position, short_free, created_at, expires_at,
    fresh_position, fresh_version, fresh_delta, fresh_free,
    replay_position, replay_version, replay_delta, replay_free
FROM commit_routed($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
    $19, $20)
