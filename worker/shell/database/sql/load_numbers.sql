-- Everything about the numbers that a decision may look at.
SELECT
    number.phone_number,
    number.site_id,
    number.account_id,
    number.extension,
    number.status,
    number.sequence,
    number.main_number,
    number.assigned_to,
    number.label,
    number.features,
    EXISTS (
        SELECT FROM call_settings AS settings WHERE settings.phone_number = number.phone_number
    ) AS has_call_settings,
    ARRAY(
        SELECT member.hunt_group_id FROM hunt_group_members AS member
        WHERE member.phone_number = number.phone_number ORDER BY member.hunt_group_id
    ) AS hunt_groups,
    ARRAY(
        SELECT ARRAY[login.device_id, login.device_kind] FROM handset_logins AS login
        WHERE login.phone_number = number.phone_number ORDER BY login.device_id
    ) AS logins,
    operation.operation,
    operation.command_source,
    operation.command_id,
    operation.correlation_id,
    operation.requested_by,
    operation.traceparent,
    operation.tracestate,
    operation.fingerprint,
    operation.since,
    operation.at_risk_at,
    operation.deadline,
    operation.delayed,
    operation.failure_code,
    operation.failure_step,
    operation.failure_detail,
    operation.failure_pbx_code,
    operation.round
FROM phone_numbers AS number
LEFT JOIN operations AS operation USING (phone_number)
WHERE number.phone_number = ANY(CAST(:phone_numbers AS text[]))
