-- What the operations of these numbers wait for.
SELECT * FROM known_steps
WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
ORDER BY place
