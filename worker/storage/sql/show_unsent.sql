SELECT message_id, message_type, exchange, routing_key, attempts, next_attempt_at, last_error
FROM outbox WHERE phone_number = :phone_number ORDER BY position
