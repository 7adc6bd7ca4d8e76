-- The key of the advisory lock of a partition's term. Every transaction of a leader shares it; a new
-- term takes it exclusively. An advisory lock, because a lock on the row of the term would write to
-- the disk in each transaction. 7254005 is TERM in locks.py.
CREATE FUNCTION lock_of_term(partition integer) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT (CAST(partition AS bigint) << 32) + 7254005
$$;
