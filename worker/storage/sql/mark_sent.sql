-- The broker has confirmed these for the first time: from now on the PBX can be late.
WITH sent AS (
    UPDATE pbx_operations SET sent_at = CAST(:now AS timestamptz)
    WHERE operation_id = ANY(CAST(:operation_ids AS text[]))
        AND sent_at IS NULL AND ended_at IS NULL
    RETURNING phone_number
)
UPDATE operations
SET at_risk_at = CAST(:at_risk_at AS timestamptz), deadline = CAST(:deadline AS timestamptz)
WHERE phone_number IN (SELECT phone_number FROM sent)
