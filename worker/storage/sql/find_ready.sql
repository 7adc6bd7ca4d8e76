-- The numbers of whose operations something follows now: the question that `conclude` answers, asked
-- of all that the lane has under way.
SELECT operation.phone_number
FROM operations AS operation
-- One by one: joined as a table, all numbers were read for the sake of a few.
CROSS JOIN LATERAL (
    SELECT account_id, status FROM phone_numbers
    WHERE phone_numbers.phone_number = operation.phone_number
    LIMIT 1
) AS number
WHERE operation.lane = CAST(:lane AS integer)
    AND number.account_id IS NOT NULL
    AND CASE
        WHEN operation.failure_code = 'GIVEN_UP' THEN true
        WHEN EXISTS (
            SELECT FROM outbox
            WHERE outbox.phone_number = operation.phone_number AND outbox.holds_operation
        )
        -- Not sent: late only when the broker was asked and did not take it.
        THEN NOT operation.delayed AND operation.at_risk_at <= CAST(:now AS timestamptz)
            AND NOT EXISTS (
                SELECT FROM outbox
                WHERE outbox.phone_number = operation.phone_number AND outbox.holds_operation
                    AND outbox.attempts = 0
            )
        WHEN NOT EXISTS (
            SELECT FROM pbx_operations AS step
            WHERE step.phone_number = operation.phone_number AND step.ended_at IS NULL
                AND step.state <> 'done'
        )
        THEN true
        WHEN operation.failure_code IS NOT NULL THEN false
        WHEN NOT operation.delayed AND operation.at_risk_at <= CAST(:now AS timestamptz) THEN true
        WHEN number.status = 'ACTIVE' THEN false
        WHEN operation.deadline <= CAST(:now AS timestamptz)
        THEN NOT EXISTS (
            SELECT FROM pbx_operations AS step
            WHERE step.phone_number = operation.phone_number AND step.ended_at IS NULL
                AND step.state <> 'done' AND step.sent_at IS NULL
        )
        ELSE EXISTS (
            SELECT FROM pbx_operations AS step
            WHERE step.phone_number = operation.phone_number AND step.ended_at IS NULL
                AND step.state = 'failed'
        )
    END
ORDER BY operation.since, operation.phone_number
LIMIT CAST(:maximum AS integer)
