-- Fewer looks ----------------------------------------------------------------------------------

-- What grows with numbers and accounts is the price of a look: it goes through a tree that no cache
-- of the processor holds. With a million numbers such looks were a third of the database's time.

-- Counted first, and opened only where there was nothing to count: once in the life of an account.
-- Of two that open the same one, the later adds to what the earlier has counted. That may lock a row
-- out of key order, for whoever changes numbers without locking their accounts first: not the worker
-- and not the import.
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
    counted usage_change[];
BEGIN
    WITH usages AS (
        UPDATE entitlement_usage AS usage
        SET active = usage.active + change.active, pending = usage.pending + change.pending
        FROM unnest(summed) AS change
        WHERE usage.account_id = change.account_id AND usage.site_id = change.site_id
        RETURNING change
    )
    SELECT array_agg(change) INTO counted FROM usages;

    IF cardinality(summed) > coalesce(cardinality(counted), 0) THEN
        INSERT INTO entitlement_usage AS usage (account_id, site_id, active, pending)
        SELECT * FROM (SELECT * FROM unnest(summed) EXCEPT SELECT * FROM unnest(counted)) AS missing
        ORDER BY account_id, site_id
        ON CONFLICT (account_id, site_id) DO UPDATE
        SET active = usage.active + excluded.active, pending = usage.pending + excluded.pending;
    END IF;
END $$;

-- All that a decision asks of a service is in the index.
DROP INDEX voice_services_of_account_at_site;
CREATE INDEX voice_services_of_account_at_site ON voice_services (account_id, site_id)
    INCLUDE (quantity, starts_on, ends_on);

-- One index instead of two that began alike: of each id there is one original, whose variant is
-- empty, and beside it every other content once.
ALTER TABLE commands ADD COLUMN variant text NOT NULL DEFAULT '';
UPDATE commands SET variant = fingerprint WHERE NOT original;
ALTER TABLE commands
    DROP CONSTRAINT commands_pkey,
    ADD PRIMARY KEY (source, command_id, variant);
DROP INDEX one_original;

-- What a deactivation takes away is looked up where one is under way or may begin, and nowhere else:
-- an activation does not ask for memberships and logins. One that is undone resets call settings too,
-- which main numbers have.
--
-- OFFSET and count(*) have each row looked up by itself. Without, a plan that was made while nothing
-- was under way, which is often, compared each number with every operation.
CREATE OR REPLACE VIEW known_numbers AS
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
    ) > 0 AS has_call_settings,
    CASE WHEN may_be_taken_down THEN ARRAY(
        SELECT member.hunt_group_id FROM hunt_group_members AS member
        WHERE member.phone_number = number.phone_number ORDER BY member.hunt_group_id
    ) ELSE '{}' END AS hunt_groups,
    CASE WHEN may_be_taken_down THEN ARRAY(
        SELECT ARRAY[login.device_id, login.device_kind] FROM handset_logins AS login
        WHERE login.phone_number = number.phone_number ORDER BY login.device_id
    ) ELSE '{}' END AS logins,
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
LEFT JOIN LATERAL (
    SELECT * FROM operations WHERE operations.phone_number = number.phone_number OFFSET 0
) AS operation ON true
CROSS JOIN LATERAL (
    SELECT number.status = 'ACTIVE' OR operation.operation IS NOT DISTINCT FROM 'deactivate'
) AS number_is (may_be_taken_down);

-- All that decisions on these commands may look at, in three kinds of rows: the usage and the
-- entitlement of each account at a site, each command that had come before under the same source and
-- id, and each number.
--
-- First it locks the accounts at their sites, then the numbers, each in key order: so two workers
-- cannot deadlock, and every change of a number's status happens under its account's lock. READ
-- COMMITTED gives each statement in here a new snapshot: what the former holder wrote is seen. A
-- usage is not looked up once more; and rows of one array are not joined to rows of another, for
-- which there is no index. An account that was opened while its numbers were waited for is not
-- locked: whoever asked begins again.
DROP FUNCTION situations_of_commands;
CREATE FUNCTION situations_of_commands(
    sources text[], command_ids text[], phone_numbers text[], account_ids text[], site_ids text[],
    today date
)
RETURNS TABLE (
    holder_account text, holder_site text, active integer, pending integer, "limit" integer,
    asked_source text, asked_id text, fingerprints text[], number known_numbers
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    usages entitlement_usage[] := ARRAY(
        SELECT locked FROM entitlement_usage AS locked
        WHERE (account_id, site_id) IN (SELECT * FROM unnest(account_ids, site_ids))
        ORDER BY account_id, site_id
        FOR UPDATE
    );
BEGIN
    PERFORM FROM phone_numbers AS number
    WHERE number.phone_number = ANY(situations_of_commands.phone_numbers)
    ORDER BY number.phone_number
    FOR UPDATE;

    IF EXISTS (
        SELECT FROM (
            SELECT * FROM unnest(account_ids, site_ids)
            EXCEPT SELECT locked.account_id, locked.site_id FROM unnest(usages) AS locked
        ) AS missed (account_id, site_id)
        CROSS JOIN LATERAL (
            SELECT FROM entitlement_usage AS usage
            WHERE usage.account_id = missed.account_id AND usage.site_id = missed.site_id
            OFFSET 0
        ) AS opened
    ) THEN
        RAISE EXCEPTION 'an account was opened in between' USING ERRCODE = 'serialization_failure';
    END IF;

    RETURN QUERY
    SELECT
        usage.account_id, usage.site_id, usage.active, usage.pending,
        (
            SELECT CAST(coalesce(sum(service.quantity), 0) AS integer)
            FROM voice_services AS service
            WHERE service.account_id = usage.account_id AND service.site_id = usage.site_id
                AND (service.starts_on IS NULL OR service.starts_on <= today)
                AND (service.ends_on IS NULL OR service.ends_on >= today)
        ),
        NULL, NULL, NULL::text[], NULL::known_numbers
    FROM unnest(usages) AS usage;

    RETURN QUERY
    SELECT NULL, NULL, NULL::integer, NULL::integer, NULL::integer, found.*, NULL::known_numbers
    FROM (
        SELECT asked.source, asked.command_id, ARRAY(
            SELECT earlier.fingerprint FROM commands AS earlier
            WHERE earlier.source = asked.source AND earlier.command_id = asked.command_id
        ) AS contents
        FROM unnest(sources, command_ids) AS asked (source, command_id)
    ) AS found
    WHERE cardinality(found.contents) > 0;

    RETURN QUERY
    SELECT NULL, NULL, NULL::integer, NULL::integer, NULL::integer, NULL, NULL, NULL::text[], known
    FROM known_numbers AS known
    WHERE known.phone_number = ANY(situations_of_commands.phone_numbers);
END $$;

-- All that conclusions on these numbers may look at: the usage, the entitlement and the main number
-- of each account at a site, with where the main number's calls go, and each number. What was sent is
-- forgotten first: what an operation waits for depends on it. Then it locks as above. An account that
-- gives a number away in between leaves it with nothing to conclude.
DROP FUNCTION situations_of_numbers;
CREATE FUNCTION situations_of_numbers(
    sent_lane integer, sent bigint[], phone_numbers text[], today date
)
RETURNS TABLE (
    holder_account text, holder_site text, active integer, pending integer, "limit" integer,
    main_phone_number text, main_status text, main_hunt_group_id text, main_targets text[],
    has_steps boolean, number known_numbers
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    usages entitlement_usage[];
BEGIN
    DELETE FROM outbox WHERE lane = sent_lane AND position = ANY(sent);

    usages := ARRAY(
        SELECT locked FROM entitlement_usage AS locked
        WHERE (account_id, site_id) IN (
            SELECT holder.account_id, holder.site_id FROM phone_numbers AS holder
            WHERE holder.phone_number = ANY(situations_of_numbers.phone_numbers)
        )
        ORDER BY account_id, site_id
        FOR UPDATE
    );

    PERFORM FROM phone_numbers AS number
    WHERE number.phone_number = ANY(situations_of_numbers.phone_numbers)
    ORDER BY number.phone_number
    FOR UPDATE;

    RETURN QUERY
    SELECT
        usage.account_id, usage.site_id, usage.active, usage.pending,
        (
            SELECT CAST(coalesce(sum(service.quantity), 0) AS integer)
            FROM voice_services AS service
            WHERE service.account_id = usage.account_id AND service.site_id = usage.site_id
                AND (service.starts_on IS NULL OR service.starts_on <= today)
                AND (service.ends_on IS NULL OR service.ends_on >= today)
        ),
        main.*, NULL::boolean, NULL::known_numbers
    FROM unnest(usages) AS usage
    LEFT JOIN LATERAL (
        SELECT number.phone_number, number.status, settings.hunt_group_id,
            ARRAY[settings.in_hours, settings.out_of_hours, settings.unanswered]
        FROM phone_numbers AS number
        CROSS JOIN LATERAL (
            SELECT * FROM call_settings
            WHERE call_settings.phone_number = number.phone_number
            OFFSET 0
        ) AS settings
        WHERE number.account_id = usage.account_id AND number.site_id = usage.site_id
            AND number.main_number
        OFFSET 0
    ) AS main ON true;

    RETURN QUERY
    SELECT
        NULL, NULL, NULL::integer, NULL::integer, NULL::integer,
        NULL, NULL, NULL, NULL::text[],
        (
            SELECT count(*) FROM known_steps AS step WHERE step.phone_number = known.phone_number
        ) > 0,
        known
    FROM known_numbers AS known
    WHERE known.phone_number = ANY(situations_of_numbers.phone_numbers);
END $$;
