-- Locks the numbers that the import speaks of, in key order.
SELECT count(*) FROM (
    SELECT FROM phone_numbers
    WHERE phone_number IN (SELECT phone_number FROM import_touched)
    ORDER BY phone_number
    FOR UPDATE
) AS locked
