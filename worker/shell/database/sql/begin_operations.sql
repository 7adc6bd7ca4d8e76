-- The operations that are under way from now on.
INSERT INTO operations (
    lane, phone_number, operation, command_source, command_id, fingerprint, correlation_id,
    requested_by, traceparent, tracestate, since, at_risk_at, deadline
)
SELECT CAST(:lane AS integer), row.*
FROM unnest(
    CAST(:begun_numbers AS text[]), CAST(:begun_operations AS text[]),
    CAST(:begun_command_sources AS text[]), CAST(:begun_command_ids AS text[]),
    CAST(:begun_fingerprints AS text[]), CAST(:begun_correlation_ids AS text[]),
    CAST(:begun_requested_by AS text[]), CAST(:begun_traceparents AS text[]),
    CAST(:begun_tracestates AS text[]), CAST(:begun_since AS timestamptz[]),
    CAST(:begun_at_risk_at AS timestamptz[]), CAST(:begun_deadlines AS timestamptz[])
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
