-- What operators look at.

-- name: show_number
-- Reads a number with the usage and the entitlement of its account at its site.
SELECT
    number.phone_number, number.status, number.sequence, number.account_id, number.site_id,
    number.extension, number.main_number, number.assigned_to, number.label, number.features,
    number.pin_is_default, coalesce(usage.active, 0) AS active,
    coalesce(usage.pending, 0) AS pending, coalesce(usage."limit", 0) AS "limit",
    (
        SELECT version FROM record_versions
        WHERE kind = 'phone_number' AND record_key = CAST(:record_key AS text)
    ) AS directory_version
FROM phone_numbers AS number
LEFT JOIN LATERAL usage_snapshots(ARRAY(
    SELECT known FROM entitlement_usage AS known
    WHERE known.account_id = number.account_id AND known.site_id = number.site_id
), CAST(:today AS date)) AS usage ON true
WHERE number.phone_number = :phone_number;

-- name: show_deleted_number
-- Reads what is remembered of a number that the platform has deleted. The version is NULL after an
-- import.
SELECT sequence, (
    SELECT version FROM record_versions
    WHERE kind = 'phone_number' AND record_key = CAST(:record_key AS text)
) AS version
FROM deleted_numbers WHERE phone_number = :phone_number;

-- name: show_call_settings
-- Reads where the calls of a main number go.
SELECT hunt_group_id, in_hours, out_of_hours, unanswered
FROM call_settings WHERE phone_number = :phone_number;

-- name: show_hunt_groups
-- Lists the hunt groups of a number.
SELECT hunt_group_id FROM hunt_group_members
WHERE phone_number = :phone_number ORDER BY hunt_group_id;

-- name: show_logins
-- Lists the handsets that are logged in to a number.
SELECT device_id, device_kind FROM handset_logins
WHERE phone_number = :phone_number ORDER BY device_id;

-- name: show_unsent
-- Lists the unsent messages of a number, in their order.
SELECT message_id, message_type, exchange, routing_key, decided_at, attempts, last_error,
    CASE WHEN isfinite(next_attempt_at) THEN next_attempt_at END AS next_attempt_at, body
FROM outbox WHERE subject = :phone_number ORDER BY position LIMIT CAST(:maximum AS integer);

-- name: show_steps
-- Lists the newest steps of a number, ended ones included, in the order of the requests. Nothing is
-- asked any more for an open step whose operation or aftermath has ended: it is abandoned.
SELECT * FROM (
    SELECT step, step_id AS operation_id, command_id,
        CASE WHEN state = 'open' AND ended_at IS NOT NULL THEN 'abandoned' ELSE state END AS state,
        attempt, attempts_maximum, requested_at, sent_at,
        CASE WHEN ended_at IS NULL THEN coalesce(again_at, silent_at) END AS again_at, last_result,
        failure_code, failure_detail, ended_at, place, body
    FROM pbx_steps WHERE phone_number = :phone_number
    ORDER BY place DESC LIMIT CAST(:maximum AS integer)
) AS newest
ORDER BY place;

-- name: show_step_events
-- Lists the newest results that PBX systems reported for a number, and the requests that were
-- repeated.
SELECT * FROM (
    SELECT event.happened_at, event.event, event.detail, step.step, step.command_id,
        event.step_id AS operation_id, event.place
    FROM step_events AS event
    JOIN pbx_steps AS step USING (step_id)
    WHERE event.phone_number = :phone_number
    ORDER BY event.place DESC LIMIT CAST(:maximum AS integer)
) AS newest
ORDER BY place;

-- name: show_manual_logouts
-- Lists the newest manual logouts of a number, closed ones included, the oldest first.
SELECT * FROM (
    SELECT device_id, device_kind, account_id, site_id, command_id, required_at, closed_at,
        closed_by, reason, place
    FROM manual_logouts WHERE phone_number = :phone_number
    ORDER BY place DESC LIMIT CAST(:maximum AS integer)
) AS newest
ORDER BY place;

-- name: show_acts
-- Lists what operators did last to a number, or to its messages.
SELECT * FROM (
    SELECT act.decided_at, act.act, act.decided_by, act.reason, item.item, item.detail, item.place
    FROM act_items AS item
    JOIN acts AS act ON act.place = item.act
    WHERE item.subject = :phone_number
    ORDER BY item.place DESC LIMIT CAST(:maximum AS integer)
) AS newest
ORDER BY place;

-- name: show_waiting_records
-- Lists the records that wait for a number, in the order in which they will be applied.
SELECT kind, version, deleted, record, waits_for, cause_id AS message_id, waiting_since
FROM waiting_records WHERE phone_number = :phone_number
ORDER BY position LIMIT CAST(:maximum AS integer);

-- name: show_dead_letters
-- Lists the newest messages that named a number and could not be handled.
SELECT * FROM (
    SELECT dead_lettered_at, code, detail, queue, message_id, place
    FROM dead_letter_log WHERE phone_number = :phone_number
    ORDER BY place DESC LIMIT CAST(:maximum AS integer)
) AS newest
ORDER BY place;

-- name: show_history
-- Lists the newest commands for a number, the oldest first.
SELECT * FROM (
    SELECT received_at, operation, command_id, source, requested_by, account_id, outcome, refusal,
        failure, detail, ended_at
    FROM commands WHERE phone_number = :phone_number
    ORDER BY received_at DESC, command_id DESC LIMIT CAST(:maximum AS integer)
) AS newest
ORDER BY received_at, command_id;

-- name: show_pending
-- Lists the first numbers (null: all) that have an operation under way or an aftermath, the oldest
-- first.
SELECT phone_number
FROM operations JOIN phone_numbers USING (phone_number)
ORDER BY since, phone_number
LIMIT CAST(:maximum AS integer);

-- name: show_troubled
-- Lists the first numbers whose operation is late or needs an operator, the oldest first.
SELECT phone_number
FROM operations JOIN phone_numbers USING (phone_number)
WHERE failure_code IS NOT NULL
    OR (aftermath IS NULL AND at_risk_at <= CAST(:now AS timestamptz))
ORDER BY since, phone_number
LIMIT CAST(:maximum AS integer);

-- name: show_refused
-- Lists the newest commands of the last while that were refused or have failed.
SELECT received_at, phone_number, operation, outcome, coalesce(refusal, failure) AS code, detail,
    requested_by
FROM commands
WHERE received_at > CAST(:since AS timestamptz) AND outcome IN ('failed', 'rejected')
ORDER BY received_at DESC
LIMIT CAST(:maximum AS integer);

-- name: show_reasons
-- Counts the messages that workers dead-lettered since a moment, by reason.
SELECT code, count(*) AS messages, max(dead_lettered_at) AS latest,
    (array_agg(detail ORDER BY place DESC))[1] AS detail
FROM dead_letter_log
WHERE dead_lettered_at > CAST(:since AS timestamptz)
GROUP BY code
ORDER BY messages DESC, code
LIMIT CAST(:maximum AS integer);

-- name: show_headroom
-- Lists the accounts at a site with the least headroom, among those that use or have bought
-- something.
SELECT account_id, site_id, usage.active, usage.pending, coalesce(service.quantity, 0) AS "limit",
    coalesce(service.quantity, 0) - usage.active - usage.pending AS free
FROM entitlement_usage AS usage
LEFT JOIN (
    SELECT account_id, site_id, CAST(sum(quantity) AS bigint) AS quantity
    FROM voice_services
    WHERE (starts_on IS NULL OR starts_on <= CAST(:today AS date))
        AND (ends_on IS NULL OR ends_on >= CAST(:today AS date))
    GROUP BY account_id, site_id
) AS service USING (account_id, site_id)
WHERE usage.active + usage.pending > 0 OR service.quantity > 0
ORDER BY free, account_id, site_id
LIMIT CAST(:maximum AS integer);

-- name: show_last_acts
-- Lists what operators did last, the newest first.
SELECT act.decided_at, act.act, act.decided_by, act.reason,
    (SELECT count(*) FROM act_items AS item WHERE item.act = act.place) AS items
FROM acts AS act
ORDER BY act.place DESC
LIMIT CAST(:maximum AS integer);
