-- The operations that are under way from now on.
INSERT INTO operations (
    phone_number, operation, command_source, command_id, fingerprint, correlation_id,
    requested_by, traceparent, tracestate, since, deadline
)
SELECT *
FROM unnest(
    CAST(:phone_number AS text[]), CAST(:operation AS text[]), CAST(:command_source AS text[]),
    CAST(:command_id AS text[]), CAST(:fingerprint AS text[]), CAST(:correlation_id AS text[]),
    CAST(:requested_by AS text[]), CAST(:traceparent AS text[]), CAST(:tracestate AS text[]),
    CAST(:since AS timestamptz[]), CAST(:deadline AS timestamptz[])
)
