-- Attempts at messages that may kill a worker.

-- name: find_suspects
-- Reads how often the handling of these messages started without finishing.
SELECT digest, attempts FROM suspects
WHERE queue = :queue AND digest = ANY(CAST(:digests AS bytea[]));

-- name: count_suspects
-- Counts an attempt at each message; committed before the handling starts, because the worker may
-- not survive it.
INSERT INTO suspects AS suspect (queue, digest, attempts, last_attempt_at)
SELECT DISTINCT CAST(:queue AS text), digest, 1, CAST(:now AS timestamptz)
FROM unnest(CAST(:digests AS bytea[])) AS row (digest)
ON CONFLICT (queue, digest) DO UPDATE
SET attempts = suspect.attempts + 1, last_attempt_at = excluded.last_attempt_at;

-- name: forgive_suspects
-- Takes the attempt back when the database could not store the result.
UPDATE suspects SET attempts = attempts - 1
WHERE queue = :queue AND digest = ANY(CAST(:digests AS bytea[])) AND attempts > 0;

-- name: clear_suspects
-- Deletes the counts of messages that were handled or dead-lettered.
DELETE FROM suspects WHERE queue = :queue AND digest = ANY(CAST(:digests AS bytea[]));
