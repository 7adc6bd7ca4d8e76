-- Operations that wait for nothing any more: of these numbers, or of all (null).
SELECT operation.phone_number, number.account_id, number.site_id
FROM operations AS operation
JOIN phone_numbers AS number USING (phone_number)
WHERE (CAST(:phone_numbers AS text[]) IS NULL
        OR operation.phone_number = ANY(CAST(:phone_numbers AS text[])))
    AND NOT EXISTS (
        SELECT FROM outbox
        WHERE outbox.phone_number = operation.phone_number AND outbox.holds_operation
    )
ORDER BY operation.since, operation.phone_number
LIMIT CAST(:maximum AS integer)
