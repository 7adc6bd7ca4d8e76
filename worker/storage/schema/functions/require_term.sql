-- The fence: raises AW001 unless the caller's term of the partition is the current one. It holds the
-- shared lock until the transaction ends, so no other worker starts a new term in between.
--
-- A procedure and not a function: it travels with BEGIN in one simple query and returns nothing.
CREATE PROCEDURE require_term(wanted_partition integer, wanted_term bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(lock_of_term(wanted_partition));
    -- A statement of its own: it sees what was stored while the lock was waited for.
    PERFORM FROM leadership WHERE partition = wanted_partition AND term = wanted_term;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'term % of partition % is over', wanted_term, wanted_partition
            USING ERRCODE = 'AW001';
    END IF;
END $$;
