-- Contract: V0009_append_only.sql; and whether the login itself could do more than its role.
SELECT rewritable_tables(), current_user::text, session_user::text
