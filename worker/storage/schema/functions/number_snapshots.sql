-- Completes locked rows of phone_numbers with the operation under way, memberships and logins.
--
-- Memberships and logins matter only where a deactivation is under way or may begin, so an
-- activation does not look them up. A compensated activation also resets call settings, which main
-- numbers have.
--
-- OFFSET 0 and count(*) make PostgreSQL look up each row by itself. Without them, a generic plan
-- that was made while no operation was under way, which is often the case, compared each number
-- with every operation.
CREATE FUNCTION number_snapshots(numbers phone_numbers[]) RETURNS SETOF number_snapshot
LANGUAGE sql STABLE AS $$
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
        (number.main_number OR may_be_deprovisioned) AND (
            SELECT count(*) FROM call_settings AS settings
            WHERE settings.phone_number = number.phone_number
        ) > 0,
        CASE WHEN may_be_deprovisioned THEN ARRAY(
            SELECT member.hunt_group_id FROM hunt_group_members AS member
            WHERE member.phone_number = number.phone_number ORDER BY member.hunt_group_id
        ) ELSE '{}' END,
        CASE WHEN may_be_deprovisioned THEN ARRAY(
            SELECT ARRAY[login.device_id, login.device_kind] FROM handset_logins AS login
            WHERE login.phone_number = number.phone_number
                -- Unless it is gone: its deletion waits for the end of this operation.
                AND coalesce((
                    SELECT NOT waiting.deleted FROM waiting_records AS waiting
                    WHERE waiting.phone_number = login.phone_number
                        AND waiting.kind = 'handset_login'
                        AND CAST(waiting.record AS json) ->> 'device_id' = login.device_id
                    ORDER BY waiting.position DESC
                    LIMIT 1
                ), true)
            ORDER BY login.device_id
        ) ELSE '{}' END,
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
        operation.aftermath,
        operation.delayed,
        operation.failure_code,
        operation.failure_step,
        operation.failure_detail,
        operation.failure_pbx_code,
        operation.retry_round,
        operation.operation IS NOT NULL AND (
            SELECT count(*) FROM waiting_records AS waiting
            WHERE waiting.phone_number = number.phone_number
        ) > 0
    FROM unnest(numbers) AS number
    LEFT JOIN LATERAL (
        SELECT * FROM operations WHERE operations.phone_number = number.phone_number OFFSET 0
    ) AS operation ON true
    CROSS JOIN LATERAL (
        SELECT number.status = 'ACTIVE' OR operation.operation IS NOT DISTINCT FROM 'deactivate'
    ) AS number_is (may_be_deprovisioned)
$$;
