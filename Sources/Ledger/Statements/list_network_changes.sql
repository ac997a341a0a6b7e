-- Changes before version $1, newest first; where $2 is not empty only those that name the node $2.
SELECT n.version, n.at, n.kind, n.changes, n.note, n.principal, n.request_id, n.trace_id
FROM network_versions n
WHERE n.version < $1 AND ($2 = ''
    OR EXISTS (SELECT FROM network_items i WHERE i.kind = 1 AND i.name = $2
        AND (i.since = n.version OR i.until = n.version))
    OR (n.kind = 3 AND n.changes[1] LIKE 'slot ' || replace(replace(replace($2, '\', '\\'), '%', '\%'),
        '_', '\_') || ' %'))
ORDER BY n.version DESC LIMIT $3
