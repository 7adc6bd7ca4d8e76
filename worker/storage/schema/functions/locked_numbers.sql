-- Locks these numbers in key order; returns the rows as they are then, with their ctids.
--
-- PL/pgSQL like every function here that locks: it is planned once in a session, where a function
-- in SQL is planned at each call, and each of its statements sees what was committed before it.
CREATE FUNCTION locked_numbers(phone_numbers text[], OUT places tid[], OUT numbers phone_numbers[])
LANGUAGE plpgsql AS $$
BEGIN
    SELECT array_agg(locked.place), array_agg(locked.number)
    INTO places, numbers
    FROM (
        SELECT held.ctid AS place, held AS number
        FROM phone_numbers AS held
        WHERE held.phone_number = ANY(locked_numbers.phone_numbers)
        ORDER BY held.phone_number
        FOR UPDATE
    ) AS locked;
END $$;
