-- Records a decision that the command `resolve` of the release before has stored as an act. With the
-- rights of the owner of the tables: the role of that release was granted nothing on the new ones.
CREATE FUNCTION record_resolution() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    WITH recorded AS (
        INSERT INTO acts (decided_at, act, decided_by, reason)
        VALUES (new.decided_at, 'resolve', new.decided_by, new.reason)
        RETURNING place
    )
    INSERT INTO act_items (act, subject, item, detail)
    SELECT place, new.phone_number, new.command_id, new.resolution FROM recorded;
    RETURN NULL;
END
$$;
-- Otherwise every role could run it, in a trigger on a table of its own.
REVOKE EXECUTE ON FUNCTION record_resolution() FROM PUBLIC;
