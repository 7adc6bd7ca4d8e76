-- One look ---------------------------------------------------------------------------------------

-- Who locks a row has found it: what was locked is handed on, with its place in the table, and not
-- looked for once more. Numbers are locked before accounts: those that operations are concluded for
-- say which.
DROP FUNCTION situations_of_commands;
DROP FUNCTION situations_of_numbers;
DROP VIEW known_numbers;

-- What decisions look at of a number.
CREATE TYPE known_number AS (
    phone_number text,
    site_id text,
    account_id text,
    extension text,
    status text,
    sequence bigint,
    main_number boolean,
    assigned_to text,
    label text,
    features text[],
    has_call_settings boolean,
    hunt_groups text[],
    logins text[],
    operation text,
    command_source text,
    command_id text,
    correlation_id text,
    requested_by text,
    traceparent text,
    tracestate text,
    fingerprint text,
    since timestamptz,
    at_risk_at timestamptz,
    deadline timestamptz,
    delayed boolean,
    failure_code text,
    failure_step text,
    failure_detail text,
    failure_pbx_code text,
    round integer,
    place tid
);

-- What a deactivation takes away is looked up where one is under way or may begin, and nowhere else:
-- an activation does not ask for memberships and logins. One that is undone resets call settings too,
-- which main numbers have.
--
-- OFFSET and count(*) have each row looked up by itself. Without, a plan that was made while nothing
-- was under way, which is often, compared each number with every operation.
CREATE FUNCTION known_numbers(places tid[], numbers phone_numbers[]) RETURNS SETOF known_number
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
        (number.main_number OR may_be_taken_down) AND (
            SELECT count(*) FROM call_settings AS settings
            WHERE settings.phone_number = number.phone_number
        ) > 0,
        CASE WHEN may_be_taken_down THEN ARRAY(
            SELECT member.hunt_group_id FROM hunt_group_members AS member
            WHERE member.phone_number = number.phone_number ORDER BY member.hunt_group_id
        ) ELSE '{}' END,
        CASE WHEN may_be_taken_down THEN ARRAY(
            SELECT ARRAY[login.device_id, login.device_kind] FROM handset_logins AS login
            WHERE login.phone_number = number.phone_number ORDER BY login.device_id
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
        operation.delayed,
        operation.failure_code,
        operation.failure_step,
        operation.failure_detail,
        operation.failure_pbx_code,
        operation.round,
        number.place
    FROM unnest(places, numbers) AS number (place)
    LEFT JOIN LATERAL (
        SELECT * FROM operations WHERE operations.phone_number = number.phone_number OFFSET 0
    ) AS operation ON true
    CROSS JOIN LATERAL (
        SELECT number.status = 'ACTIVE' OR operation.operation IS NOT DISTINCT FROM 'deactivate'
    ) AS number_is (may_be_taken_down)
$$;

-- What an account uses at a site, and what it has bought there.
CREATE TYPE known_usage AS (
    account_id text, site_id text, active integer, pending integer, "limit" integer
);
CREATE FUNCTION known_usages(usages entitlement_usage[], today date) RETURNS SETOF known_usage
LANGUAGE sql STABLE AS $$
    SELECT usage.account_id, usage.site_id, usage.active, usage.pending, (
        SELECT CAST(coalesce(sum(service.quantity), 0) AS integer)
        FROM voice_services AS service
        WHERE service.account_id = usage.account_id AND service.site_id = usage.site_id
            AND (service.starts_on IS NULL OR service.starts_on <= today)
            AND (service.ends_on IS NULL OR service.ends_on >= today)
    )
    FROM unnest(usages) AS usage
$$;

-- Locks the numbers in key order: where they stand, and as they are then. In PL/pgSQL, like all that
-- locks here: its plan is made once in a session, and each call sees what was stored before it.
CREATE FUNCTION locked_numbers(phone_numbers text[], OUT places tid[], OUT numbers phone_numbers[])
LANGUAGE plpgsql AS $$
BEGIN
    SELECT array_agg(locked.place), array_agg(locked.number)
    INTO places, numbers
    FROM (
        SELECT held.ctid AS place, held AS number
        FROM phone_numbers AS held
        WHERE held.phone_number = ANY(locked_numbers.phone_numbers)
        ORDER BY held.phone_number
        FOR UPDATE
    ) AS locked;
END $$;

-- All that decisions on these commands may look at, in three kinds of rows: each account at a site,
-- each command that had come before under the same source and id, and each number.
--
-- First it locks the numbers, then the accounts at their sites, each in key order: so two workers
-- cannot deadlock. READ COMMITTED gives each statement in here a new snapshot: what the former holder
-- wrote is seen. What was added while a lock was waited for is not, and whoever asked for it begins
-- again: one part of an import must not be known without the other.
CREATE FUNCTION situations_of_commands(
    sources text[], command_ids text[], phone_numbers text[], account_ids text[], site_ids text[],
    today date
)
RETURNS TABLE (
    usage known_usage, asked_source text, asked_id text, fingerprints text[], number known_number
)
LANGUAGE plpgsql AS $$
DECLARE
    places tid[];
    numbers phone_numbers[];
    usages entitlement_usage[];
BEGIN
    SELECT locked.places, locked.numbers INTO places, numbers
    FROM locked_numbers(situations_of_commands.phone_numbers) AS locked;
    usages := ARRAY(
        SELECT locked FROM entitlement_usage AS locked
        WHERE (locked.account_id, locked.site_id) IN (SELECT * FROM unnest(account_ids, site_ids))
        ORDER BY locked.account_id, locked.site_id
        FOR UPDATE
    );
    IF EXISTS (
        SELECT FROM (
            SELECT unnest(situations_of_commands.phone_numbers)
            EXCEPT SELECT locked.phone_number FROM unnest(numbers) AS locked
        ) AS missed (phone_number)
        CROSS JOIN LATERAL (
            SELECT FROM phone_numbers AS added
            WHERE added.phone_number = missed.phone_number
            OFFSET 0
        ) AS added
    ) OR EXISTS (
        SELECT FROM (
            SELECT * FROM unnest(account_ids, site_ids)
            EXCEPT SELECT locked.account_id, locked.site_id FROM unnest(usages) AS locked
        ) AS missed (account_id, site_id)
        CROSS JOIN LATERAL (
            SELECT FROM entitlement_usage AS added
            WHERE added.account_id = missed.account_id AND added.site_id = missed.site_id
            OFFSET 0
        ) AS added
    ) THEN
        RAISE EXCEPTION 'something was added in between' USING ERRCODE = 'serialization_failure';
    END IF;

    RETURN QUERY
    SELECT known, NULL, NULL, NULL::text[], NULL::known_number
    FROM known_usages(usages, today) AS known;

    RETURN QUERY
    SELECT NULL::known_usage, found.*, NULL::known_number
    FROM (
        SELECT asked.source, asked.command_id, ARRAY(
            SELECT earlier.fingerprint FROM commands AS earlier
            WHERE earlier.source = asked.source AND earlier.command_id = asked.command_id
        ) AS contents
        FROM unnest(sources, command_ids) AS asked (source, command_id)
    ) AS found
    WHERE cardinality(found.contents) > 0;

    RETURN QUERY
    SELECT NULL::known_usage, NULL, NULL, NULL::text[], known
    FROM known_numbers(places, numbers) AS known;
END $$;

-- All that conclusions on these numbers may look at: each account at a site, with its main number and
-- where the main number's calls go, and each number. What was sent is forgotten first: what an
-- operation waits for depends on it. Then it locks as above.
CREATE FUNCTION situations_of_numbers(
    sent_lane integer, sent bigint[], phone_numbers text[], today date
)
RETURNS TABLE (
    usage known_usage,
    main_phone_number text, main_status text, main_hunt_group_id text, main_targets text[],
    has_steps boolean, number known_number
)
LANGUAGE plpgsql AS $$
DECLARE
    places tid[];
    numbers phone_numbers[];
    usages entitlement_usage[];
BEGIN
    DELETE FROM outbox WHERE lane = sent_lane AND position = ANY(sent);

    SELECT locked.places, locked.numbers INTO places, numbers
    FROM locked_numbers(situations_of_numbers.phone_numbers) AS locked;
    usages := ARRAY(
        SELECT locked FROM entitlement_usage AS locked
        WHERE (locked.account_id, locked.site_id) IN (
            SELECT holder.account_id, holder.site_id FROM unnest(numbers) AS holder
        )
        ORDER BY locked.account_id, locked.site_id
        FOR UPDATE
    );

    RETURN QUERY
    SELECT known, main.*, NULL::boolean, NULL::known_number
    FROM known_usages(usages, today) AS known
    LEFT JOIN LATERAL (
        SELECT main_number.phone_number, main_number.status, settings.hunt_group_id,
            ARRAY[settings.in_hours, settings.out_of_hours, settings.unanswered]
        FROM phone_numbers AS main_number
        CROSS JOIN LATERAL (
            SELECT * FROM call_settings
            WHERE call_settings.phone_number = main_number.phone_number
            OFFSET 0
        ) AS settings
        WHERE main_number.account_id = known.account_id AND main_number.site_id = known.site_id
            AND main_number.main_number
        OFFSET 0
    ) AS main ON true;

    RETURN QUERY
    SELECT
        NULL::known_usage, NULL, NULL, NULL, NULL::text[],
        (
            SELECT count(*) FROM known_steps AS step WHERE step.phone_number = known.phone_number
        ) > 0,
        known
    FROM known_numbers(places, numbers) AS known;
END $$;
