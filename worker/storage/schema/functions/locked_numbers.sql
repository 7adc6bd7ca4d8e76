-- Locks these numbers in key order; returns the rows as they are then.
--
-- PL/pgSQL like every function here that locks: it is planned once in a session, where a function
-- in SQL is planned at each call, and each of its statements sees what was committed before it.
CREATE FUNCTION locked_numbers(phone_numbers text[]) RETURNS phone_numbers[]
LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT held FROM phone_numbers AS held
        WHERE held.phone_number = ANY(locked_numbers.phone_numbers)
        ORDER BY held.phone_number
        FOR UPDATE
    );
END $$;
