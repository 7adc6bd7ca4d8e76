-- What was said on the way, or decided by a person.
UPDATE operations
SET at_risk_at = row.at_risk_at, deadline = row.deadline, delayed = row.delayed,
    failure_code = row.failure_code, failure_step = row.failure_step,
    failure_detail = row.failure_detail, failure_pbx_code = row.failure_pbx_code,
    round = row.round
FROM unnest(
    CAST(:phone_number AS text[]), CAST(:at_risk_at AS timestamptz[]),
    CAST(:deadline AS timestamptz[]), CAST(:delayed AS boolean[]), CAST(:failure_code AS text[]),
    CAST(:failure_step AS text[]), CAST(:failure_detail AS text[]),
    CAST(:failure_pbx_code AS text[]), CAST(:round AS integer[])
) AS row (
    phone_number, at_risk_at, deadline, delayed, failure_code, failure_step, failure_detail,
    failure_pbx_code, round
)
WHERE operations.phone_number = row.phone_number
