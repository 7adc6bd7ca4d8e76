SELECT received_at, operation, command_id, source, requested_by, account_id, outcome, refusal, failure,
    detail, ended_at
FROM commands WHERE phone_number = :phone_number
ORDER BY received_at, command_id
