-- Dead letters on their way to the dead-letter queue.

-- name: store_dead_letters
-- Stores messages that can never be handled.
INSERT INTO dead_letters (properties, body, stored_at)
SELECT properties, body, CAST(:now AS timestamptz)
FROM unnest(CAST(:properties AS bytea[]), CAST(:bodies AS bytea[])) AS row (properties, body);

-- name: log_dead_letters
-- Stores the reasons of these messages, for people.
INSERT INTO dead_letter_log (dead_lettered_at, code, detail, queue, message_id, phone_number)
SELECT CAST(:now AS timestamptz), row.*
FROM unnest(
    CAST(:codes AS text[]), CAST(:details AS text[]), CAST(:queues AS text[]),
    CAST(:message_ids AS text[]), CAST(:phone_numbers AS text[])
) AS row;

-- name: load_dead_letters
-- Reads the next dead letters, those refused least often first, so that one that is always refused
-- holds back no other. Together at most as large as given, but at least one.
WITH first AS MATERIALIZED (
    SELECT position, attempts, octet_length(body) AS body_bytes
    FROM dead_letters
    ORDER BY attempts, position
    LIMIT CAST(:maximum AS integer)
),
counted AS (
    SELECT position, sum(body_bytes) OVER (ORDER BY attempts, position) - body_bytes AS bytes_before
    FROM first
)
SELECT position, properties, body
FROM dead_letters
JOIN counted USING (position)
WHERE bytes_before < CAST(:maximum_bytes AS bigint)
ORDER BY attempts, position;

-- name: delete_dead_letters
-- Deletes dead letters that the dead-letter queue has confirmed.
DELETE FROM dead_letters WHERE position = ANY(CAST(:confirmed AS bigint[]));

-- name: refuse_dead_letters
-- Records why dead letters were refused.
UPDATE dead_letters SET attempts = attempts + 1, last_error = row.last_error
FROM unnest(CAST(:position AS bigint[]), CAST(:last_error AS text[])) AS row (position, last_error)
WHERE dead_letters.position = row.position;

-- name: find_refused_dead_letters
-- Counts the dead letters that were refused, with the reason for the one refused last.
SELECT
    count(*) AS messages,
    (array_agg(last_error ORDER BY attempts DESC, position DESC))[1] AS last_error
FROM dead_letters
WHERE attempts > 0;

-- name: count_queued_dead_letters
-- Counts dead letters that the dead-letter queue has confirmed, by reason.
INSERT INTO queued_dead_letters (code, letters)
SELECT code, letters
FROM unnest(CAST(:codes AS text[]), CAST(:letters AS bigint[])) AS row (code, letters)
ORDER BY code
ON CONFLICT (code) DO UPDATE SET letters = queued_dead_letters.letters + EXCLUDED.letters;

-- name: uncount_queued_dead_letters
-- Takes back the counts of dead letters that a command has removed from the queue.
UPDATE queued_dead_letters SET letters = greatest(queued_dead_letters.letters - row.letters, 0)
FROM unnest(CAST(:codes AS text[]), CAST(:letters AS bigint[])) AS row (code, letters)
WHERE queued_dead_letters.code = row.code;

-- name: forget_queued_dead_letters
-- Takes back all counts: the queue is empty.
DELETE FROM queued_dead_letters;
