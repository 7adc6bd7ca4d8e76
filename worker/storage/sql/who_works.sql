-- The workers that share the partitions, the oldest first, and which of them holds which. A lock of
-- ours has its partition in the upper half of its key, as a number that may be negative. Workers share
-- the lock of members; a change of the number of partitions has it alone.
SELECT
    lock.pid, lock.pid = pg_backend_pid() AS is_mine, session.application_name,
    host(session.client_addr) AS address, lock.mode = 'ShareLock' AS is_shared,
    CAST(CAST(CAST(lock.classid AS bigint) AS bit(32)) AS integer) AS partition
FROM pg_locks AS lock
JOIN pg_stat_activity AS session USING (pid)
WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
    AND CAST(lock.objid AS bigint) = CAST(:lock AS bigint)
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY session.backend_start, lock.pid
