-- The steps whose results are awaited from now on, in the order in which they are asked for.
INSERT INTO pbx_operations (
    operation_id, phone_number, command_source, command_id, step, state, attempt,
    attempts_maximum, asked_at, message_type, exchange, routing_key, correlation_id,
    must_be_routed, body
)
SELECT
    row.operation_id, row.phone_number, row.command_source, row.command_id, row.step, 'open', 1,
    row.attempts_maximum, CAST(:now AS timestamptz), row.message_type, row.exchange,
    row.routing_key, row.correlation_id, row.must_be_routed, row.body
FROM unnest(
    CAST(:operation_id AS text[]), CAST(:phone_number AS text[]), CAST(:command_source AS text[]),
    CAST(:command_id AS text[]), CAST(:step AS text[]), CAST(:attempts_maximum AS integer[]),
    CAST(:message_type AS text[]), CAST(:exchange AS text[]), CAST(:routing_key AS text[]),
    CAST(:correlation_id AS text[]), CAST(:must_be_routed AS boolean[]), CAST(:body AS bytea[])
) WITH ORDINALITY AS row (
    operation_id, phone_number, command_source, command_id, step, attempts_maximum,
    message_type, exchange, routing_key, correlation_id, must_be_routed, body, place
)
ORDER BY row.place
