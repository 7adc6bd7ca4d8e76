-- Nothing is awaited any more for operations that have ended.
UPDATE pbx_operations SET ended_at = CAST(:now AS timestamptz)
WHERE phone_number = ANY(CAST(:ended_numbers AS text[])) AND ended_at IS NULL
