-- Everything about the numbers that a decision may look at.
SELECT * FROM known_numbers(
    NULL,
    ARRAY(SELECT number FROM phone_numbers AS number WHERE phone_number = ANY(CAST(:phone_numbers AS text[])))
)
