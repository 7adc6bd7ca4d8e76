-- What operators look at.

-- name: show_number
-- Reads a number with the usage and the entitlement of its account at its site.
SELECT
    number.phone_number, number.status, number.sequence, number.account_id, number.site_id,
    number.extension, number.main_number, number.assigned_to, number.label, number.features,
    number.pin_is_default, coalesce(usage.active, 0) AS active,
    coalesce(usage.pending, 0) AS pending, coalesce(usage."limit", 0) AS "limit"
FROM phone_numbers AS number
LEFT JOIN LATERAL usage_snapshots(ARRAY(
    SELECT known FROM entitlement_usage AS known
    WHERE known.account_id = number.account_id AND known.site_id = number.site_id
), CAST(:today AS date)) AS usage ON true
WHERE number.phone_number = :phone_number;

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
SELECT message_id, message_type, exchange, routing_key, attempts, next_attempt_at, last_error
FROM outbox WHERE subject = :phone_number ORDER BY position;

-- name: show_steps
-- Lists the steps of a number, ended ones included, in the order of the requests. Nothing is asked
-- any more for an open step whose operation or aftermath has ended: it is abandoned.
SELECT step, step_id AS operation_id, command_id,
    CASE WHEN state = 'open' AND ended_at IS NOT NULL THEN 'abandoned' ELSE state END AS state,
    attempt, attempts_maximum, requested_at, sent_at,
    CASE WHEN ended_at IS NULL THEN coalesce(again_at, silent_at) END AS again_at, last_result,
    failure_code, failure_detail, ended_at
FROM pbx_steps WHERE phone_number = :phone_number ORDER BY place;

-- name: show_manual_logouts
-- Lists the manual logouts of a number, closed ones included, the oldest first.
SELECT device_id, device_kind, account_id, site_id, command_id, required_at, closed_at, closed_by,
    reason
FROM manual_logouts WHERE phone_number = :phone_number ORDER BY place;

-- name: show_acts
-- Lists what operators did to a number, or to its messages.
SELECT act.decided_at, act.act, act.decided_by, act.reason, item.item, item.detail
FROM act_items AS item
JOIN acts AS act ON act.place = item.act
WHERE item.subject = :phone_number
ORDER BY item.place;

-- name: show_waiting_records
-- Lists the records that wait for a number, in the order in which they will be applied.
SELECT kind, version, deleted, record, waits_for, cause_id AS message_id, waiting_since
FROM waiting_records WHERE phone_number = :phone_number ORDER BY position;

-- name: show_history
-- Lists the commands for a number, the oldest first.
SELECT received_at, operation, command_id, source, requested_by, account_id, outcome, refusal,
    failure, detail, ended_at
FROM commands WHERE phone_number = :phone_number
ORDER BY received_at, command_id;

-- name: show_pending
-- Lists the numbers that have an operation under way or an aftermath, the oldest first.
SELECT phone_number
FROM operations JOIN phone_numbers USING (phone_number)
ORDER BY since, phone_number;
