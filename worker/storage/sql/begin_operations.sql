-- The operations that are under way from now on.
INSERT INTO operations (
    lane, phone_number, operation, command_source, command_id, fingerprint, correlation_id,
    requested_by, traceparent, tracestate, since, at_risk_at, deadline
)
SELECT CAST(:lane AS integer), row.*
FROM unnest(CAST(:begun AS begun_operation[])) AS row
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
