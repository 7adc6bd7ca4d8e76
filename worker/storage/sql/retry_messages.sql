-- They are tried again at once: these, or all that were not taken (null).
UPDATE outbox SET next_attempt_at = NULL, attempts = 0, queued_at = CAST(:now AS timestamptz)
WHERE next_attempt_at IS NOT NULL
    AND (CAST(:positions AS bigint[]) IS NULL OR position = ANY(CAST(:positions AS bigint[])))
RETURNING position
