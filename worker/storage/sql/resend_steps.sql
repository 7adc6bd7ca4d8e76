-- Asks again, with the same message under the same id.
WITH again AS (
    UPDATE pbx_operations SET again_at = NULL
    WHERE phone_number = ANY(CAST(:phone_numbers AS text[])) AND ended_at IS NULL
        AND again_at <= CAST(:now AS timestamptz)
    RETURNING *
)
INSERT INTO outbox (
    lane, phone_number, holds_operation, awaited, message_id, message_type, exchange, routing_key,
    correlation_id, must_be_routed, body, decided_at,
    queued_at
)
SELECT
    CAST(:lane AS integer), again.phone_number, number.status = 'PENDING', true, again.operation_id, again.message_type,
    again.exchange, again.routing_key, again.correlation_id, again.must_be_routed, again.body,
    again.asked_at, CAST(:now AS timestamptz)
FROM again
JOIN phone_numbers AS number USING (phone_number)
ORDER BY again.place
