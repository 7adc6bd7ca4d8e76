-- What the operations wait for: PBX results, and messages that the broker has not confirmed yet.
CREATE VIEW known_steps AS
SELECT
    phone_number, operation_id, step, message_type, 'result' AS waits_for, attempt,
    attempts_maximum, sent_at, state, again_at, failure_code, failure_detail, failure_pbx_code,
    last_result, answers, place
FROM pbx_operations
WHERE ended_at IS NULL
UNION ALL
SELECT
    phone_number, message_id, NULL, message_type, 'confirm', attempts + 1,
    NULL, NULL, 'open', next_attempt_at, NULL, NULL, NULL,
    last_error, '[]', position
FROM outbox
WHERE holds_operation AND NOT awaited;
