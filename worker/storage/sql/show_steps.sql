SELECT step, operation_id, command_id, state, attempt, attempts_maximum, asked_at, sent_at,
    again_at, last_result, failure_code, failure_detail, ended_at
FROM pbx_operations WHERE phone_number = :phone_number ORDER BY place
