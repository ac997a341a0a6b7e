-- Contract: V0016_rule_sets.sql.
SELECT c.outcome, c.rule_version, c.is_changed
FROM assign_rule_set($1, $2, $3, $4, $5, $6, $7, $8, $9) c
