-- The rule sets that channels use, with the number of the last change; one row of nulls when no
-- channel chose any. Where $1 is not empty: only of that channel.
SELECT v.change, c.channel, r.name, r.version, r.document
FROM (SELECT coalesce(max(change), 0) AS change FROM rule_changes) v
LEFT JOIN channel_rules c ON $1 = '' OR c.channel = $1
LEFT JOIN LATERAL (
    SELECT s.name, s.version, s.document FROM rule_sets s
    WHERE s.name = c.name AND (c.version IS NULL OR s.version = c.version)
    ORDER BY s.version DESC LIMIT 1
) r ON true
