-- What was tried and not taken, oldest first: parked, or waiting for its next attempt.
SELECT position, phone_number, message_id, message_type, exchange, routing_key, decided_at,
    attempts, last_error, next_attempt_at = 'infinity' AS parked,
    CASE WHEN isfinite(next_attempt_at) THEN next_attempt_at END AS next_attempt_at
FROM outbox
WHERE next_attempt_at IS NOT NULL
ORDER BY position
LIMIT CAST(:maximum AS integer)
