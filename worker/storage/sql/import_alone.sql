-- One import at a time: each would wait for the other's numbers, or overwrite what it checked.
SELECT pg_try_advisory_xact_lock(CAST(:lock AS bigint))
