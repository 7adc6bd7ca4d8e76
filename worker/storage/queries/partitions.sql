-- Partitions, their leaders, and a change of their number.

-- name: open_assignments
-- Adds a row for each assignment that never existed before.
INSERT INTO leadership (partition, term)
SELECT partition, 0 FROM unnest(CAST(:partitions AS integer[])) AS partition
ON CONFLICT DO NOTHING;

-- name: begin_terms
-- Starts a new term of each partition; transactions of former leaders end first.
WITH former AS MATERIALIZED (
    SELECT end_transactions_of_terms(CAST(:partitions AS integer[]))
)
UPDATE leadership SET term = term + 1, gained_at = now()
FROM former
WHERE partition = ANY(CAST(:partitions AS integer[]))
RETURNING partition, term;

-- name: current_terms
-- Reads the term of each partition.
SELECT partition, term FROM leadership WHERE partition = ANY(CAST(:partitions AS integer[]));

-- name: lock_layout
-- Waits for imports: their messages go to partitions of the layout that they have read.
SELECT FROM partitioning FOR UPDATE;

-- name: end_terms
-- Ends all terms, so that no leader stores anything before it takes the lead again; open
-- transactions of leaders end first.
WITH former AS MATERIALIZED (
    SELECT end_transactions_of_terms(ARRAY(SELECT partition FROM leadership))
)
UPDATE leadership SET term = term + 1
FROM former;

-- name: list_workers
-- Lists the workers, the oldest first, and the assignment of each; the assignment is the upper half
-- of the lock's key, as a signed number. Workers share the lock of members; a change of the number of
-- partitions holds it alone.
SELECT
    lock.pid, lock.pid = pg_backend_pid() AS is_mine, session.application_name,
    host(session.client_addr) AS address, lock.mode = 'ShareLock' AS is_shared,
    CAST(CAST(CAST(lock.classid AS bigint) AS bit(32)) AS integer) AS partition
FROM pg_locks AS lock
JOIN pg_stat_activity AS session USING (pid)
WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
    AND CAST(lock.objid AS bigint) = CAST(:lock AS bigint)
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY session.backend_start, lock.pid;

-- name: show_assignments
-- Lists assignments with the term of their holder and the number of unsent messages.
SELECT partition, term, gained_at,
    (SELECT count(*) FROM outbox WHERE outbox.partition = leadership.partition) AS outbox_messages
FROM leadership
WHERE partition = ANY(CAST(:partitions AS integer[]))
ORDER BY partition;

-- name: load_partitioning
-- Reads the layout of the partitions, the target of an unfinished change, the moment up to which PBX
-- results are counted for all partitions, whether the intake is paused, and the time.
SELECT partitions, routed, target, clock_timestamp() AS now,
    (SELECT results_read_until FROM leadership WHERE partition = -1) AS results_read_until,
    intake.paused_at, intake.paused_by, intake.reason AS pause_reason
FROM partitioning
LEFT JOIN intake ON intake.only_row;

-- name: begin_repartition
-- Records the target of a change before anything moves: a repeat must finish it.
UPDATE partitioning SET target = CAST(:target AS integer);

-- name: finish_repartition
-- Makes a new layout the present one.
UPDATE partitioning
SET partitions = CAST(:partitions AS integer), routed = CAST(:routed AS boolean), target = NULL;

-- name: record_results_read
-- Records up to which moment PBX results are counted, for the partitions of other workers.
UPDATE leadership SET results_read_until = CAST(:now AS timestamptz)
WHERE partition = CAST(:partition AS integer);

-- name: find_subjects_under_way
-- Reads the subjects that have messages or operations under way; for numbers with account and site.
SELECT subject, number.account_id, number.site_id
FROM (SELECT subject FROM outbox UNION SELECT phone_number FROM operations) AS under_way
LEFT JOIN phone_numbers AS number ON number.phone_number = subject;

-- name: relabel_outbox
-- Assigns the messages of these subjects to their new partitions.
UPDATE outbox SET partition = row.partition
FROM unnest(CAST(:subject AS text[]), CAST(:partition AS integer[])) AS row (subject, partition)
WHERE outbox.subject = row.subject AND outbox.partition <> row.partition;

-- name: relabel_operations
-- Assigns the operations of these numbers to their new partitions.
UPDATE operations SET partition = row.partition
FROM unnest(CAST(:subject AS text[]), CAST(:partition AS integer[])) AS row (subject, partition)
WHERE operations.phone_number = row.subject AND operations.partition <> row.partition;

