-- The operations that are under way from now on. What an earlier one left outstanding is
-- superseded: a PBX that obeys `sequence` drops the older message.
WITH superseded AS (
    UPDATE pbx_operations SET ended_at = CAST(:now AS timestamptz)
    WHERE phone_number = ANY(CAST(:phone_number AS text[])) AND ended_at IS NULL
)
INSERT INTO operations (
    lane, phone_number, operation, command_source, command_id, fingerprint, correlation_id,
    requested_by, traceparent, tracestate, since, at_risk_at, deadline
)
SELECT CAST(:lane AS integer), row.*
FROM unnest(
    CAST(:phone_number AS text[]), CAST(:operation AS text[]), CAST(:command_source AS text[]),
    CAST(:command_id AS text[]), CAST(:fingerprint AS text[]), CAST(:correlation_id AS text[]),
    CAST(:requested_by AS text[]), CAST(:traceparent AS text[]), CAST(:tracestate AS text[]),
    CAST(:since AS timestamptz[]), CAST(:at_risk_at AS timestamptz[]),
    CAST(:deadline AS timestamptz[])
) AS row
ON CONFLICT (phone_number) DO UPDATE SET
    lane = excluded.lane,
    operation = excluded.operation,
    command_source = excluded.command_source,
    command_id = excluded.command_id,
    fingerprint = excluded.fingerprint,
    correlation_id = excluded.correlation_id,
    requested_by = excluded.requested_by,
    traceparent = excluded.traceparent,
    tracestate = excluded.tracestate,
    since = excluded.since,
    at_risk_at = excluded.at_risk_at,
    deadline = excluded.deadline,
    delayed = false,
    failure_code = NULL,
    failure_step = NULL,
    failure_detail = NULL,
    failure_pbx_code = NULL,
    round = 1
