-- Fewer ways to the server and back ------------------------------------------------------------

-- Travels with the BEGIN of a leader's transactions. The lock is held until the transaction ends:
-- nobody takes over in between.
CREATE FUNCTION require_term(wanted_lane integer, wanted_term bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM leadership WHERE lane = wanted_lane AND term = wanted_term FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'term % of lane % is over', wanted_term, wanted_lane
            USING ERRCODE = 'AW001';
    END IF;
END $$;

-- A function in SQL is planned at each call, one in PL/pgSQL once in a session; and a usage is
-- opened once in its life, so that looking for a missing one comes after the change.
CREATE OR REPLACE FUNCTION change_entitlement_usage(changes usage_change[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entitlement_usage (account_id, site_id)
    SELECT DISTINCT change.account_id, change.site_id
    FROM unnest(changes) AS change
    WHERE NOT EXISTS (
        SELECT FROM entitlement_usage AS known
        WHERE known.account_id = change.account_id AND known.site_id = change.site_id
    )
    ORDER BY change.account_id, change.site_id
    ON CONFLICT DO NOTHING;
    UPDATE entitlement_usage AS usage
    SET active = usage.active + change.active, pending = usage.pending + change.pending
    FROM (
        SELECT one.account_id, one.site_id, sum(one.active)::integer AS active,
            sum(one.pending)::integer AS pending
        FROM unnest(changes) AS one
        GROUP BY one.account_id, one.site_id
    ) AS change
    WHERE usage.account_id = change.account_id AND usage.site_id = change.site_id
        AND (change.active <> 0 OR change.pending <> 0);
END $$;

-- What decisions look at of a number.
CREATE VIEW known_numbers AS
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
LEFT JOIN operations AS operation USING (phone_number);

-- What operations wait for: results, and messages that are not yet sent.
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
