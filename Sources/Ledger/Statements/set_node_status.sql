-- Contract: V0015_network.sql.
SELECT c.outcome, c.version, c.changes FROM set_node_status($1, $2, $3, $4, $5, $6, $7, $8) c
