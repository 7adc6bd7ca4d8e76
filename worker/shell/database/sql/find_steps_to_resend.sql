-- The numbers that have steps to be asked for again.
SELECT DISTINCT phone_number
FROM pbx_operations
WHERE again_at <= CAST(:now AS timestamptz) AND ended_at IS NULL
LIMIT CAST(:maximum AS integer)
