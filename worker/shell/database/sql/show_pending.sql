-- The operations under way, oldest first, with what each still has to say.
SELECT
    operation.phone_number, operation.operation, operation.command_id, operation.requested_by,
    operation.since, operation.deadline, operation.deadline < CAST(:now AS timestamptz) AS overdue,
    count(message.position) AS unsent,
    (array_agg(message.last_error ORDER BY message.position)
        FILTER (WHERE message.last_error IS NOT NULL))[1] AS last_error
FROM operations AS operation
LEFT JOIN outbox AS message ON message.phone_number = operation.phone_number
    AND message.holds_operation
GROUP BY operation.phone_number
ORDER BY operation.since, operation.phone_number
