-- The current versions of the network and of the rule sets.
SELECT coalesce((SELECT max(version) FROM network_versions), 0),
    coalesce((SELECT max(change) FROM rule_changes), 0)
