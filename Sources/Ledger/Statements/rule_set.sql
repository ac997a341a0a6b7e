-- Rule set $1 at version $2, or at its latest (null).
SELECT r.name, r.version, r.document, r.at FROM rule_sets r
WHERE r.name = $1 AND ($2 IS NULL OR r.version = $2) ORDER BY r.version DESC LIMIT 1
