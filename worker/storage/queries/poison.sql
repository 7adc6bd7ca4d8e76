-- Attempts at messages that may kill a worker.

-- name: find_attempts
-- Reads how often the handling of these messages started without finishing.
SELECT digest, attempts FROM poison_attempts
WHERE queue = :queue AND digest = ANY(CAST(:digests AS bytea[]));

-- name: count_attempts
-- Counts an attempt at each message; committed before the handling starts, because the worker may
-- not survive it.
INSERT INTO poison_attempts AS known (queue, digest, attempts, last_attempt_at)
SELECT DISTINCT CAST(:queue AS text), digest, 1, CAST(:now AS timestamptz)
FROM unnest(CAST(:digests AS bytea[])) AS row (digest)
ON CONFLICT (queue, digest) DO UPDATE
SET attempts = known.attempts + 1, last_attempt_at = excluded.last_attempt_at;

-- name: forgive_attempts
-- Takes the attempt back when the database could not store the result.
UPDATE poison_attempts SET attempts = attempts - 1
WHERE queue = :queue AND digest = ANY(CAST(:digests AS bytea[])) AND attempts > 0;

-- name: clear_attempts
-- Deletes the counts of messages that were handled or dead-lettered.
DELETE FROM poison_attempts WHERE queue = :queue AND digest = ANY(CAST(:digests AS bytea[]));
