-- The lane's numbers that have steps to be asked for again.
SELECT DISTINCT step.phone_number
FROM pbx_operations AS step
JOIN operations AS operation USING (phone_number)
WHERE step.again_at <= CAST(:now AS timestamptz) AND step.ended_at IS NULL
    AND operation.lane = CAST(:lane AS integer)
LIMIT CAST(:maximum AS integer)
