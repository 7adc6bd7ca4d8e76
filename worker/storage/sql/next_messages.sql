-- What is to be said next. By status and never by a cursor over the position: a transaction that
-- took a lower position may commit later. A number with a delayed row waits behind that row.
SELECT position, phone_number, message_id, message_type, exchange, routing_key, correlation_id,
    must_be_routed, holds_operation, awaited, ordered, body, decided_at, queued_at, attempts
FROM outbox
WHERE lane = CAST(:lane AS integer) AND CASE
    WHEN ordered THEN NOT EXISTS (
        SELECT FROM outbox AS delayed
        WHERE delayed.phone_number = outbox.phone_number
            AND delayed.ordered AND delayed.next_attempt_at > CAST(:now AS timestamptz)
    )
    ELSE next_attempt_at IS NULL OR next_attempt_at <= CAST(:now AS timestamptz)
END
ORDER BY position
LIMIT CAST(:maximum AS integer)
