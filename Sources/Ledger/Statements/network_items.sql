-- What the network has at version $1, by kind and name; nothing when there was never such a version.
SELECT i.kind, i.name, i.status, i.document FROM network_items i
WHERE i.until > $1 AND i.since <= $1 ORDER BY i.kind, i.name
