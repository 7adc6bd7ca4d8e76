-- What fences off a former leader ----------------------------------------------------------------

-- Shared by every transaction of a leader, and taken alone before its term ends. A lock on the row
-- of the term would be a write to the disk for each of them.
CREATE FUNCTION lock_of_term(lane integer) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT (CAST(lane AS bigint) << 32) + 7254005
$$;

-- Travels with the BEGIN of a leader's transactions. The lock is held until the transaction ends:
-- nobody takes over in between.
CREATE OR REPLACE FUNCTION require_term(wanted_lane integer, wanted_term bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(lock_of_term(wanted_lane));
    -- A statement of its own: it sees what was stored while the lock was waited for.
    PERFORM FROM leadership WHERE lane = wanted_lane AND term = wanted_term;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'term % of lane % is over', wanted_term, wanted_lane
            USING ERRCODE = 'AW001';
    END IF;
END $$;

-- Waits a second, for all lanes together, for what leaders have under way, and then ends it: one
-- that was frozen with its hands full would keep the next one waiting for each of its transactions
-- in turn, until the timeouts of the sessions end them. Half a minute was seen. The setting here is
-- what keeps those inside from outliving the function.
CREATE FUNCTION end_transactions_of_terms(lanes integer[]) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
DECLARE
    locks bigint[] := ARRAY(SELECT lock_of_term(lane) FROM unnest(lanes) AS lane ORDER BY lane);
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
    -- Leaders share it: a change of the lanes, which has it alone, is none.
    WHERE lock.locktype = 'advisory' AND lock.granted AND lock.mode = 'ShareLock'
        AND lock.objsubid = 1
        AND (CAST(lock.classid AS bigint) << 32) + CAST(lock.objid AS bigint) = ANY(locks)
        AND session.datname = current_database()
        -- Whoever may not is left to the timeouts.
        AND pg_has_role(session.usesysid, 'USAGE');
    PERFORM set_config('lock_timeout', '10s', true);
    FOREACH wanted IN ARRAY locks LOOP
        PERFORM pg_advisory_xact_lock(wanted);
    END LOOP;
END $$;
