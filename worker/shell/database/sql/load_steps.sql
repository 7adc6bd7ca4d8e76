-- What the operations of these numbers wait for: results, and messages that are not yet sent.
SELECT
    phone_number, operation_id, step, message_type, 'result' AS waits_for, attempt,
    attempts_maximum, sent_at, state, again_at, failure_code, failure_detail, failure_pbx_code,
    last_result, answers, place
FROM pbx_operations
WHERE phone_number = ANY(CAST(:phone_numbers AS text[])) AND ended_at IS NULL

UNION ALL
SELECT
    phone_number, message_id, NULL, message_type, 'confirm', attempts + 1,
    NULL, NULL, 'open', next_attempt_at, NULL, NULL, NULL,
    last_error, '[]', position
FROM outbox
WHERE phone_number = ANY(CAST(:phone_numbers AS text[])) AND holds_operation AND NOT awaited
ORDER BY place
