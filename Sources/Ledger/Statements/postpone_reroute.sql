-- Reroute $1 is due again in $2 ms; $3: by another hold; $4: why.
SELECT postpone_reroute($1, $2, $3, $4)
