-- The main number of each account at a site, and where its calls go.
CREATE VIEW main_number_snapshots AS
SELECT
    main_number.account_id, main_number.site_id, main_number.phone_number AS main_phone_number,
    main_number.status AS main_status, settings.hunt_group_id AS main_hunt_group_id,
    ARRAY[settings.in_hours, settings.out_of_hours, settings.unanswered] AS main_targets
FROM phone_numbers AS main_number
CROSS JOIN LATERAL (
    SELECT * FROM call_settings
    WHERE call_settings.phone_number = main_number.phone_number
    OFFSET 0
) AS settings
WHERE main_number.main_number;

-- What the operations wait for: PBX results, and messages that the broker has not confirmed yet.
-- `publish_error` is why the broker refused the message, or the one that it waits behind.
CREATE VIEW step_snapshots AS
SELECT
    phone_number, step_id, step, message_type, 'result' AS waits_for, attempt,
    attempts_maximum, sent_at, state, again_at, silent_at, failure_code, failure_detail,
    failure_pbx_code, last_result, answers, place,
    CASE WHEN sent_at IS NULL THEN (
        SELECT refused.last_error FROM outbox AS refused
        WHERE refused.subject = step.phone_number
            AND refused.ordered AND refused.next_attempt_at IS NOT NULL
        ORDER BY refused.position
        LIMIT 1
    ) END AS publish_error
FROM pbx_steps AS step
WHERE ended_at IS NULL
UNION ALL
SELECT
    subject, message_id, NULL, message_type, 'confirm', attempts + 1,
    NULL, NULL, 'open', next_attempt_at, NULL, NULL, NULL,
    NULL, NULL, '[]', position,
    (
        SELECT refused.last_error FROM outbox AS refused
        WHERE refused.subject = message.subject
            AND refused.ordered AND refused.next_attempt_at IS NOT NULL
        ORDER BY refused.position
        LIMIT 1
    )
FROM outbox AS message
WHERE holds_operation AND NOT awaited;
