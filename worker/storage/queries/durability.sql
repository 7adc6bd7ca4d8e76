-- What the server's settings and the tables promise.

-- name: find_durability
-- Reads the settings that decide whether a commit survives, and what a worker may do besides.
-- Without pg_monitor a role sees which standbys are connected, and not whether they are synchronous.
SELECT
    CAST(current_setting('server_version_num') AS integer) / 10000 AS version,
    current_setting('fsync') AS fsync,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('session_replication_role') AS session_replication_role,
    current_setting('synchronous_standby_names') AS standby_names,
    (
        SELECT count(*) FROM pg_stat_replication
        WHERE coalesce(sync_state, 'sync') IN ('sync', 'quorum')
            AND coalesce(state, 'streaming') = 'streaming'
    ) AS standbys,
    current_setting('max_slot_wal_keep_size') = '-1' AS keeps_all_wal,
    ARRAY(
        SELECT slot_name FROM pg_replication_slots WHERE NOT active ORDER BY slot_name
    ) AS idle_slots,
    ARRAY(
        SELECT slot_name FROM pg_replication_slots WHERE wal_status = 'lost' ORDER BY slot_name
    ) AS lost_slots,
    ARRAY(
        SELECT relname FROM pg_class
        WHERE relpersistence = 'u' AND relkind = 'r' AND oid = ANY(ours.oids)
        ORDER BY relname
    ) AS unlogged_tables,
    ARRAY(
        SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE tgenabled IN ('D', 'R') AND tgrelid = ANY(ours.oids)
        ORDER BY relname
    ) AS tables_without_triggers,
    has_database_privilege(current_database(), 'TEMPORARY') AS may_import,
    has_function_privilege('pg_terminate_backend(integer, bigint)', 'EXECUTE') AS may_end_sessions
FROM (
    SELECT ARRAY(
        SELECT CAST(to_regclass(name) AS oid) FROM unnest(CAST(:tables AS text[])) AS name
    ) AS oids
) AS ours;
