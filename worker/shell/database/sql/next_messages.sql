-- What is to be said next. By status and never by a cursor over the position: a transaction that
-- took a lower position may commit later. A number with a delayed row waits behind that row.
SELECT position, phone_number, message_id, message_type, exchange, routing_key, correlation_id,
    must_be_routed, awaited, ordered, body, decided_at, queued_at, attempts
FROM outbox
WHERE CASE
    WHEN ordered THEN phone_number <> ALL(ARRAY(
        SELECT phone_number FROM outbox
        WHERE ordered AND next_attempt_at > CAST(:now AS timestamptz)
    ))
    ELSE next_attempt_at IS NULL OR next_attempt_at <= CAST(:now AS timestamptz)
END
ORDER BY position
LIMIT CAST(:maximum AS integer)
