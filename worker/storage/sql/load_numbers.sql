-- Everything about the numbers that a decision may look at.
SELECT known.*
FROM (
    SELECT array_agg(number) AS numbers
    FROM phone_numbers AS number
    WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
) AS found
CROSS JOIN LATERAL known_numbers(CAST(NULL AS tid[]), found.numbers) AS known
