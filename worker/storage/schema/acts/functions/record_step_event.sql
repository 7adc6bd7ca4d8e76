-- Records that a PBX reported a result for a step, or that the worker asks for it again. With the
-- rights of the owner of the tables, like `record_resolution`.
CREATE FUNCTION record_step_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF new.answers IS DISTINCT FROM old.answers THEN
        INSERT INTO step_events (step_id, phone_number, happened_at, event, detail)
        VALUES (new.step_id, new.phone_number, clock_timestamp(), 'result', new.last_result);
    ELSE
        INSERT INTO step_events (step_id, phone_number, happened_at, event, detail)
        VALUES (
            new.step_id, new.phone_number, clock_timestamp(), 'asked-again',
            'attempt ' || new.attempt
        );
    END IF;
    RETURN NULL;
END
$$;
-- Otherwise every role could run it, in a trigger on a table of its own.
REVOKE EXECUTE ON FUNCTION record_step_event() FROM PUBLIC;
