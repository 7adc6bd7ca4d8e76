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

-- A function in SQL is planned at each call, one in PL/pgSQL once in a session. Nothing is touched
-- where nothing changes: who renames a number must not wait for its account.
CREATE OR REPLACE FUNCTION change_entitlement_usage(changes usage_change[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    summed usage_change[] := ARRAY(
        SELECT (one.account_id, one.site_id, sum(one.active)::integer, sum(one.pending)::integer
            )::usage_change
        FROM unnest(changes) AS one
        GROUP BY one.account_id, one.site_id
        HAVING sum(one.active) <> 0 OR sum(one.pending) <> 0
        ORDER BY one.account_id, one.site_id
    );
BEGIN
    -- Opened before it is counted: of two that open the same one, the later waits for the other.
    INSERT INTO entitlement_usage (account_id, site_id)
    SELECT change.account_id, change.site_id
    FROM unnest(summed) AS change
    WHERE NOT EXISTS (
        SELECT FROM entitlement_usage AS known
        WHERE known.account_id = change.account_id AND known.site_id = change.site_id
    )
    ON CONFLICT DO NOTHING;
    UPDATE entitlement_usage AS usage
    SET active = usage.active + change.active, pending = usage.pending + change.pending
    FROM unnest(summed) AS change
    WHERE usage.account_id = change.account_id AND usage.site_id = change.site_id;
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

-- For each command all that its decision may look at: the number, the usage and the entitlement of
-- the account at the site that it names, and what came before under the same source and id.
--
-- First it locks the accounts at their sites, then the numbers, each in key order: so two workers
-- cannot deadlock, and every change of a number's status happens under its account's lock. READ
-- COMMITTED gives each statement in here a new snapshot: what the former holder wrote is seen.
CREATE FUNCTION situations_of_commands(
    sources text[], command_ids text[], phone_numbers text[], account_ids text[], site_ids text[],
    today date
)
RETURNS TABLE (
    asked_source text, asked_id text, asked_account text, asked_site text, active integer,
    pending integer, "limit" integer, fingerprints text[], number known_numbers
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM entitlement_usage
    WHERE (account_id, site_id) IN (SELECT * FROM unnest(account_ids, site_ids))
    ORDER BY account_id, site_id
    FOR UPDATE;

    PERFORM FROM phone_numbers AS number
    WHERE number.phone_number = ANY(situations_of_commands.phone_numbers)
    ORDER BY number.phone_number
    FOR UPDATE;

    RETURN QUERY
    SELECT
        asked.source, asked.command_id, asked.account_id, asked.site_id, usage.active,
        usage.pending,
        (
            SELECT CAST(coalesce(sum(service.quantity), 0) AS integer)
            FROM voice_services AS service
            WHERE service.account_id = asked.account_id AND service.site_id = asked.site_id
                AND (service.starts_on IS NULL OR service.starts_on <= today)
                AND (service.ends_on IS NULL OR service.ends_on >= today)
        ),
        ARRAY(
            SELECT earlier.fingerprint FROM commands AS earlier
            WHERE earlier.source = asked.source AND earlier.command_id = asked.command_id
        ),
        known
    FROM unnest(
        sources, command_ids, situations_of_commands.phone_numbers, account_ids, site_ids
    ) AS asked (source, command_id, phone_number, account_id, site_id)
    LEFT JOIN known_numbers AS known ON known.phone_number = asked.phone_number
    LEFT JOIN entitlement_usage AS usage
        ON usage.account_id = asked.account_id AND usage.site_id = asked.site_id;
END $$;

-- For each number all that a conclusion may look at: its holder's usage and entitlement, and the
-- holder's main number with where its calls go. What was sent is forgotten first: what an operation
-- waits for depends on it. Then it locks as above. An account that gives a number away in between
-- leaves it with nothing to conclude.
CREATE FUNCTION situations_of_numbers(
    sent_lane integer, sent bigint[], phone_numbers text[], today date
)
RETURNS TABLE (
    active integer, pending integer, "limit" integer, has_steps boolean, main_phone_number text,
    main_status text, main_hunt_group_id text, main_targets text[], number known_numbers
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM outbox WHERE lane = sent_lane AND position = ANY(sent);

    PERFORM FROM entitlement_usage
    WHERE (account_id, site_id) IN (
        SELECT holder.account_id, holder.site_id FROM phone_numbers AS holder
        WHERE holder.phone_number = ANY(situations_of_numbers.phone_numbers)
    )
    ORDER BY account_id, site_id
    FOR UPDATE;

    PERFORM FROM phone_numbers AS number
    WHERE number.phone_number = ANY(situations_of_numbers.phone_numbers)
    ORDER BY number.phone_number
    FOR UPDATE;

    RETURN QUERY
    SELECT
        usage.active, usage.pending,
        (
            SELECT CAST(coalesce(sum(service.quantity), 0) AS integer)
            FROM voice_services AS service
            WHERE service.account_id = known.account_id AND service.site_id = known.site_id
                AND (service.starts_on IS NULL OR service.starts_on <= today)
                AND (service.ends_on IS NULL OR service.ends_on >= today)
        ),
        EXISTS (SELECT FROM known_steps AS step WHERE step.phone_number = known.phone_number),
        main.phone_number, main.status, settings.hunt_group_id,
        ARRAY[settings.in_hours, settings.out_of_hours, settings.unanswered],
        known
    FROM known_numbers AS known
    LEFT JOIN entitlement_usage AS usage
        ON usage.account_id = known.account_id AND usage.site_id = known.site_id
    LEFT JOIN (phone_numbers AS main JOIN call_settings AS settings USING (phone_number))
        ON main.account_id = known.account_id AND main.site_id = known.site_id
            AND main.main_number
    WHERE known.phone_number = ANY(situations_of_numbers.phone_numbers);
END $$;
