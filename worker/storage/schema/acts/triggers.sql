-- What `resolve` has stored so far becomes acts, in the order of the decisions; the trigger, created
-- first, keeps the release before from storing another one meanwhile.
CREATE TRIGGER record_resolution AFTER INSERT ON resolutions
    FOR EACH ROW EXECUTE FUNCTION record_resolution();

DO $$
DECLARE
    former resolutions;
    recorded bigint;
BEGIN
    FOR former IN SELECT * FROM resolutions ORDER BY decided_at, phone_number LOOP
        INSERT INTO acts (decided_at, act, decided_by, reason)
        VALUES (former.decided_at, 'resolve', former.decided_by, former.reason)
        RETURNING place INTO recorded;
        INSERT INTO act_items (act, subject, item, detail)
        VALUES (recorded, former.phone_number, former.command_id, former.resolution);
    END LOOP;
END
$$;

-- The condition spares a call for most updates of a step, which are confirms.
CREATE TRIGGER record_step_event AFTER UPDATE ON pbx_steps
    FOR EACH ROW
    WHEN (
        new.answers IS DISTINCT FROM old.answers
        OR new.state = 'open' AND (
            new.attempt > old.attempt OR (old.again_at IS NOT NULL AND new.again_at IS NULL)
        )
    )
    EXECUTE FUNCTION record_step_event();
