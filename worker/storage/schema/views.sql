-- What the operations wait for: PBX results, and messages that the broker has not confirmed yet.
CREATE VIEW step_snapshots AS
SELECT
    phone_number, step_id, step, message_type, 'result' AS waits_for, attempt,
    attempts_maximum,
    sent_at IS NOT NULL OR EXISTS (
        SELECT FROM outbox
        WHERE outbox.phone_number = step.phone_number AND outbox.message_id = step.step_id
            AND outbox.attempts > 0
    ) AS publish_attempted,
    sent_at, state, again_at, failure_code, failure_detail, failure_pbx_code,
    last_result, answers, place
FROM pbx_steps AS step
WHERE ended_at IS NULL
UNION ALL
SELECT
    phone_number, message_id, NULL, message_type, 'confirm', attempts + 1,
    NULL, attempts > 0, NULL, 'open', next_attempt_at, NULL, NULL, NULL,
    last_error, '[]', position
FROM outbox
WHERE holds_operation AND NOT awaited;
