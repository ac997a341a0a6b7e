-- Contract: the statements after this one, up to the end of its transaction, are given up after $1
-- milliseconds each. It travels in front of them and costs no round trip.
SELECT set_config('statement_timeout', $1, true)
