-- The latest version of every rule set, by name, with the channels that use it.
SELECT r.name, r.version, r.document, r.at,
    (SELECT coalesce(array_agg(c.channel || coalesce('=' || c.version, '') ORDER BY c.channel), '{}')
        FROM channel_rules c WHERE c.name = r.name)
FROM (SELECT DISTINCT ON (s.name) s.name, s.version, s.document, s.at
    FROM rule_sets s ORDER BY s.name, s.version DESC) r
ORDER BY r.name
