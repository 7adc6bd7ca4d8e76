-- They have ended.
DELETE FROM operations WHERE phone_number = ANY(CAST(:ended_numbers AS text[]))
