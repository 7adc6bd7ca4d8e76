SELECT operation, command_id, requested_by, since, deadline
FROM operations WHERE phone_number = :phone_number
