-- Contract: V0009_append_only.sql. $1: the process of the session that waits.
SELECT end_blockers($1)
