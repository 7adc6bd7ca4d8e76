-- What must be said, numbered in the order in which it was decided.
INSERT INTO outbox (
    lane, phone_number, holds_operation, awaited, ordered, message_id, message_type, exchange,
    routing_key, correlation_id, must_be_routed, body, decided_at, queued_at
)
SELECT
    CAST(:lane AS integer), row.phone_number, row.holds_operation, row.awaited, row.ordered, row.message_id,
    row.message_type, row.exchange, row.routing_key, row.correlation_id, row.must_be_routed, row.body,
    CAST(:now AS timestamptz), CAST(:now AS timestamptz)
FROM unnest(CAST(:said AS said_message[])) WITH ORDINALITY AS row (
    phone_number, holds_operation, awaited, ordered, message_id, message_type, exchange,
    routing_key, correlation_id, must_be_routed, body, place
)
ORDER BY row.place
RETURNING position
