-- Who keeps locks.

-- name: list_lock_holders
-- Lists the sessions for whose locks this one waits now. Of sessions of other roles only a role with
-- pg_read_all_stats sees the address and the begin of the transaction.
SELECT pid, application_name, host(client_addr) AS address, xact_start AS since
FROM pg_stat_activity
WHERE pid = ANY (pg_blocking_pids(CAST(:pid AS integer)))
ORDER BY pid;
