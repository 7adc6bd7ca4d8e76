-- Locks the numbers, in key order.
SELECT 1
FROM phone_numbers
WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
ORDER BY phone_number
FOR UPDATE
