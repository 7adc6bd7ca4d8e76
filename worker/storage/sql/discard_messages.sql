-- A person takes parked messages out of the way; they are kept, with who and why. What was held up
-- behind them goes on at once.
WITH discarded AS (
    DELETE FROM outbox
    WHERE position = ANY(CAST(:positions AS bigint[])) AND next_attempt_at = 'infinity'
    RETURNING *
),
freed AS (
    UPDATE outbox SET next_attempt_at = NULL
    WHERE isfinite(next_attempt_at) AND phone_number IN (SELECT phone_number FROM discarded)
)
INSERT INTO discarded_messages (
    position, phone_number, message_id, message_type, exchange, routing_key, body, last_error,
    discarded_at, discarded_by, reason
)
SELECT position, phone_number, message_id, message_type, exchange, routing_key, body, last_error,
    CAST(:now AS timestamptz), CAST(:discarded_by AS text), CAST(:reason AS text)
FROM discarded
RETURNING position
