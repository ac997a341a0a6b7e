-- Changes before number $1, newest first.
SELECT c.change, c.at, c.kind, c.name, c.rule_version, c.channel, c.note, c.principal, c.request_id,
    c.trace_id
FROM rule_changes c WHERE c.change < $1 ORDER BY c.change DESC LIMIT $2
