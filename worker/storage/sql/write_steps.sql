-- The steps after a result, or after a person's decision.
UPDATE pbx_operations AS step
SET state = row.state, attempt = row.attempt, sent_at = row.sent_at, again_at = row.again_at,
    failure_code = row.failure_code, failure_detail = row.failure_detail,
    failure_pbx_code = row.failure_pbx_code, last_result = row.last_result, answers = row.answers
FROM unnest(
    CAST(:operation_id AS text[]), CAST(:state AS text[]), CAST(:attempt AS integer[]),
    CAST(:sent_at AS timestamptz[]), CAST(:again_at AS timestamptz[]),
    CAST(:failure_code AS text[]), CAST(:failure_detail AS text[]),
    CAST(:failure_pbx_code AS text[]), CAST(:last_result AS text[]), CAST(:answers AS text[])
) AS row (
    operation_id, state, attempt, sent_at, again_at, failure_code, failure_detail,
    failure_pbx_code, last_result, answers
)
WHERE step.operation_id = row.operation_id
