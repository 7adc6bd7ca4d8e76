-- Shorter ways -----------------------------------------------------------------------------------

-- What counts the usage was half of what the database needed to change one number: it asked five
-- things one after the other, and now asks two.
--
-- Counted first, and opened only where there was nothing to count: once in the life of an account.
-- Of two that open the same one, the later adds to what the earlier has counted. That may lock a row
-- out of key order, for whoever changes numbers without locking their accounts first: not the worker
-- and not the import. Nothing is touched where nothing changes: who renames a number must not wait
-- for its account.
CREATE OR REPLACE FUNCTION count_entitlement_usage() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changes usage_change[];
    counted usage_change[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        changes := ARRAY(
            SELECT (account_id, site_id, sum(active), sum(pending))::usage_change
            FROM (
                SELECT account_id, site_id, -(status = 'ACTIVE')::integer AS active,
                    -(status = 'PENDING')::integer AS pending
                FROM old_rows
                UNION ALL
                SELECT account_id, site_id, (status = 'ACTIVE')::integer, (status = 'PENDING')::integer
                FROM new_rows
            ) AS one
            GROUP BY account_id, site_id
            HAVING sum(active) <> 0 OR sum(pending) <> 0
            ORDER BY account_id, site_id
        );
    ELSIF TG_OP = 'INSERT' THEN
        changes := ARRAY(
            SELECT (account_id, site_id, sum((status = 'ACTIVE')::integer),
                sum((status = 'PENDING')::integer))::usage_change
            FROM new_rows
            WHERE status IN ('ACTIVE', 'PENDING')
            GROUP BY account_id, site_id
            ORDER BY account_id, site_id
        );
    ELSE
        changes := ARRAY(
            SELECT (account_id, site_id, -sum((status = 'ACTIVE')::integer),
                -sum((status = 'PENDING')::integer))::usage_change
            FROM old_rows
            WHERE status IN ('ACTIVE', 'PENDING')
            GROUP BY account_id, site_id
            ORDER BY account_id, site_id
        );
    END IF;
    IF cardinality(changes) = 0 THEN
        RETURN NULL;
    END IF;

    WITH usages AS (
        UPDATE entitlement_usage AS usage
        SET active = usage.active + change.active, pending = usage.pending + change.pending
        FROM unnest(changes) AS change
        WHERE usage.account_id = change.account_id AND usage.site_id = change.site_id
        RETURNING change
    )
    SELECT array_agg(change) INTO counted FROM usages;

    IF cardinality(changes) > coalesce(cardinality(counted), 0) THEN
        INSERT INTO entitlement_usage AS usage (account_id, site_id, active, pending)
        SELECT * FROM (SELECT * FROM unnest(changes) EXCEPT SELECT * FROM unnest(counted)) AS missing
        ORDER BY account_id, site_id
        ON CONFLICT (account_id, site_id) DO UPDATE
        SET active = usage.active + excluded.active, pending = usage.pending + excluded.pending;
    END IF;
    RETURN NULL;
END $$;
DROP FUNCTION change_entitlement_usage;

-- Whether something was added while a lock was waited for is looked up only where something that was
-- asked for is missing.
CREATE OR REPLACE FUNCTION situations_of_commands(
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
    IF cardinality(numbers) IS DISTINCT FROM cardinality(situations_of_commands.phone_numbers)
        OR cardinality(usages) < cardinality(situations_of_commands.account_ids)
    THEN
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

-- A procedure, for it has nothing to tell but its refusal: it travels with BEGIN and with the first
-- statement of a transaction, whose rows must be the only ones.
DROP FUNCTION require_term;
CREATE PROCEDURE require_term(wanted_lane integer, wanted_term bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(lock_of_term(wanted_lane));
    -- A statement of its own: it sees what was stored while the lock was waited for.
    PERFORM FROM leadership WHERE lane = wanted_lane AND term = wanted_term;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'term % of lane % is over', wanted_term, wanted_lane
            USING ERRCODE = 'AW001';
    END IF;
END $$;

-- What is written for a batch travels as rows and not as a column each: unnest keeps every column by
-- itself, and for one row that took longer than to write it.
CREATE TYPE decided_command AS (
    source text,
    command_id text,
    fingerprint text,
    original boolean,
    operation text,
    phone_number text,
    account_id text,
    site_id text,
    requested_by text,
    correlation_id text,
    outcome text,
    refusal text,
    detail text
);
CREATE TYPE moved_number AS (place tid, status text, sequence bigint, blank boolean);
CREATE TYPE begun_operation AS (
    phone_number text,
    operation text,
    command_source text,
    command_id text,
    fingerprint text,
    correlation_id text,
    requested_by text,
    traceparent text,
    tracestate text,
    since timestamptz,
    at_risk_at timestamptz,
    deadline timestamptz
);
CREATE TYPE ended_operation AS (phone_number text, outcome text, failure text, detail text);
CREATE TYPE said_message AS (
    phone_number text,
    holds_operation boolean,
    awaited boolean,
    ordered boolean,
    message_id text,
    message_type text,
    exchange text,
    routing_key text,
    correlation_id text,
    must_be_routed boolean,
    body bytea
);
