-- Lanes, their leaders, and a change of their number.

-- name: open_posts
-- Adds a row for each assignment that never existed before.
INSERT INTO leadership (lane, term)
SELECT post, 0 FROM unnest(CAST(:posts AS integer[])) AS post
ON CONFLICT DO NOTHING;

-- name: take_lead
-- Starts a new term of each lane, unless another worker has led it since our last term;
-- transactions of former leaders end first.
WITH ours AS (
    SELECT * FROM unnest(CAST(:lanes AS integer[]), CAST(:terms AS bigint[])) AS ours (lane, term)
),
wanted AS MATERIALIZED (
    SELECT lane
    FROM leadership JOIN ours USING (lane)
    WHERE leadership.term IS DISTINCT FROM ours.term
),
former AS MATERIALIZED (
    SELECT end_transactions_of_terms(ARRAY(SELECT lane FROM wanted))
)
UPDATE leadership SET term = term + 1, gained_at = now()
FROM former, wanted
WHERE leadership.lane = wanted.lane
RETURNING leadership.lane, leadership.term;

-- name: end_terms
-- Ends all terms, so that no leader stores anything before it takes the lead again; open
-- transactions of leaders end first.
WITH former AS MATERIALIZED (
    SELECT end_transactions_of_terms(ARRAY(SELECT lane FROM leadership))
)
UPDATE leadership SET term = term + 1
FROM former;

-- name: who_works
-- Lists the workers, the oldest first, and the assignment of each; the assignment is the upper
-- half of the lock's key, as a signed number.
SELECT
    lock.pid, lock.pid = pg_backend_pid() AS is_mine, session.application_name,
    host(session.client_addr) AS address,
    CAST(CAST(CAST(lock.classid AS bigint) AS bit(32)) AS integer) AS post
FROM pg_locks AS lock
JOIN pg_stat_activity AS session USING (pid)
WHERE lock.locktype = 'advisory' AND lock.granted AND lock.objsubid = 1
    AND CAST(lock.objid AS bigint) = CAST(:lock AS bigint)
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY session.backend_start, lock.pid;

-- name: show_posts
-- Lists assignments with the term of their holder and the number of unsent messages.
SELECT lane AS post, term, gained_at,
    (SELECT count(*) FROM outbox WHERE outbox.lane = leadership.lane) AS outbox_messages
FROM leadership
WHERE lane = ANY(CAST(:posts AS integer[]))
ORDER BY lane;

-- name: load_lanes
-- Reads the number of lanes, a change under way, and the moment up to which PBX results are
-- counted.
SELECT present, wished, change, former,
    (SELECT results_read_until FROM leadership WHERE lane = -1) AS results_read_until
FROM lanes;

-- name: wish_for_lanes
-- Starts a change of the number of lanes, or gives a change under way another goal.
UPDATE lanes
SET wished = CAST(:wished AS integer),
    change = change + (wished = present)::integer
WHERE wished <> CAST(:wished AS integer);

-- name: note_drained
-- Records that everything that stood in the lane's queue before this change is handled.
UPDATE leadership SET drained = CAST(:change AS bigint)
WHERE lane = CAST(:lane AS integer);

-- name: note_results_read
-- Records up to which moment PBX results are counted, for the lanes of other workers.
UPDATE leadership SET results_read_until = CAST(:now AS timestamptz)
WHERE lane = CAST(:lane AS integer);

-- name: find_undrained
-- Finds the lanes whose queues may still hold messages from before the change.
SELECT leadership.lane
FROM leadership, lanes
WHERE leadership.lane BETWEEN 0 AND lanes.present - 1
    AND leadership.drained IS DISTINCT FROM lanes.change
ORDER BY leadership.lane;

-- name: find_under_way
-- Reads the numbers that have messages or operations under way, each with its account and site.
SELECT phone_number, number.account_id, number.site_id
FROM (SELECT phone_number FROM outbox UNION SELECT phone_number FROM operations) AS under_way
LEFT JOIN phone_numbers AS number USING (phone_number);

-- name: move_outbox
-- Assigns the messages of these numbers to their new lanes.
UPDATE outbox SET lane = row.lane
FROM unnest(CAST(:phone_number AS text[]), CAST(:lane AS integer[])) AS row (phone_number, lane)
WHERE outbox.phone_number = row.phone_number AND outbox.lane <> row.lane;

-- name: move_operations
-- Assigns the operations of these numbers to their new lanes.
UPDATE operations SET lane = row.lane
FROM unnest(CAST(:phone_number AS text[]), CAST(:lane AS integer[])) AS row (phone_number, lane)
WHERE operations.phone_number = row.phone_number AND operations.lane <> row.lane;

-- name: change_lanes
-- Completes the change; the queues of the former lanes still exist.
UPDATE lanes SET present = wished, former = present;

-- name: forget_former_lanes
-- Forgets the former lanes once their queues are deleted.
UPDATE lanes SET former = NULL;
