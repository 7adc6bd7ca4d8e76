-- Nothing is awaited any more for operations that have ended.
UPDATE pbx_operations SET ended_at = CAST(:now AS timestamptz)
WHERE phone_number = ANY(
    ARRAY(SELECT row.phone_number FROM unnest(CAST(:ended_operations AS ended_operation[])) AS row)
) AND ended_at IS NULL
