-- What the worker hands over as rows ----------------------------------------------------------------

-- Rows of one kind travel as one array of one of these. An array for each column cost the worker
-- twice the time to write, and the server four times the time to put back together.

CREATE TYPE asked_command AS (
    source text, command_id text, phone_number text, account_id text, site_id text
);
CREATE TYPE decided_command AS (
    source text, command_id text, fingerprint text, original boolean, operation text,
    phone_number text, account_id text, site_id text, requested_by text, correlation_id text,
    outcome text, refusal text, detail text
);
CREATE TYPE moved_number AS (phone_number text, status text, sequence bigint, blank boolean);
CREATE TYPE begun_operation AS (
    phone_number text, operation text, command_source text, command_id text, fingerprint text,
    correlation_id text, requested_by text, traceparent text, tracestate text, since timestamptz,
    at_risk_at timestamptz, deadline timestamptz
);
CREATE TYPE ended_operation AS (phone_number text, outcome text, failure text, detail text);
CREATE TYPE message_to_say AS (
    phone_number text, holds_operation boolean, awaited boolean, ordered boolean, message_id text,
    message_type text, exchange text, routing_key text, correlation_id text,
    must_be_routed boolean, body bytea
);

-- As before, for such rows.
DROP FUNCTION situations_of_commands(text[], text[], text[], text[], text[], date);
CREATE FUNCTION situations_of_commands(asked_commands asked_command[], today date)
RETURNS TABLE (
    asked_source text, asked_id text, asked_account text, asked_site text, active integer,
    pending integer, "limit" integer, fingerprints text[], number known_numbers
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM entitlement_usage
    WHERE (account_id, site_id) IN (
        SELECT asked.account_id, asked.site_id FROM unnest(asked_commands) AS asked
    )
    ORDER BY account_id, site_id
    FOR UPDATE;

    PERFORM FROM phone_numbers AS number
    WHERE number.phone_number = ANY(
        ARRAY(SELECT asked.phone_number FROM unnest(asked_commands) AS asked)
    )
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
    FROM unnest(asked_commands) AS asked
    LEFT JOIN known_numbers AS known ON known.phone_number = asked.phone_number
    LEFT JOIN entitlement_usage AS usage
        ON usage.account_id = asked.account_id AND usage.site_id = asked.site_id;
END $$;
