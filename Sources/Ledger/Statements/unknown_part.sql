-- Null when the position ($1, $2) exists, else which part of its name is not known.
SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM positions WHERE sku = $1 AND node = $2)
    THEN unknown_part($1, $2) END
