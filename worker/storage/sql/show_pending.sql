-- The operations on their way, oldest first.
SELECT phone_number
FROM operations JOIN phone_numbers USING (phone_number)
ORDER BY since, phone_number
