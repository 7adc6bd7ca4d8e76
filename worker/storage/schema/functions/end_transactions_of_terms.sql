-- Takes the locks of these terms exclusively, so that no transaction of their leaders is open.
--
-- It waits one second in all for these transactions, and then terminates their sessions. Without
-- that, a leader that was frozen with transactions open delayed its successor until the session
-- timeouts ended each of them: half a minute was measured. The SET clause restores lock_timeout
-- when the function returns; the calls of set_config inside it do not outlive it.
CREATE FUNCTION end_transactions_of_terms(partitions integer[]) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
    locks bigint[] := ARRAY(SELECT lock_of_term(partition) FROM unnest(partitions) AS partition ORDER BY partition);
    until timestamptz := clock_timestamp() + interval '1 second';
    wanted bigint;
BEGIN
    FOREACH wanted IN ARRAY locks LOOP
        PERFORM set_config('lock_timeout', CAST(greatest(
            1, ceil(extract(epoch FROM until - clock_timestamp()) * 1000)
        ) AS text), true);
        PERFORM pg_advisory_xact_lock(wanted);
    END LOOP;
EXCEPTION WHEN lock_not_available THEN
    PERFORM pg_terminate_backend(lock.pid)
    FROM pg_locks AS lock
    JOIN pg_stat_activity AS session USING (pid)
    -- Leaders hold the lock shared; a change of the partitions holds it exclusively.
    WHERE lock.locktype = 'advisory' AND lock.granted AND lock.mode = 'ShareLock'
        AND lock.objsubid = 1
        AND (CAST(lock.classid AS bigint) << 32) + CAST(lock.objid AS bigint) = ANY(locks)
        AND session.datname = current_database()
        -- Sessions of roles that this one may not terminate end by the session timeouts.
        AND pg_has_role(session.usesysid, 'USAGE');
    PERFORM set_config('lock_timeout', '10s', true);
    FOREACH wanted IN ARRAY locks LOOP
        PERFORM pg_advisory_xact_lock(wanted);
    END LOOP;
END $$;
