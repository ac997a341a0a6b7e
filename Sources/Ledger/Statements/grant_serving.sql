-- Contract: V0009_append_only.sql. $1 the serving role.
SELECT grant_serving($1)
