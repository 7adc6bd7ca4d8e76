-- Handling these begins. Committed before it does: the worker may not live to tell.
INSERT INTO suspects AS suspect (queue, digest, attempts, last_attempt_at)
SELECT DISTINCT CAST(:queue AS text), digest, 1, CAST(:now AS timestamptz)
FROM unnest(CAST(:digests AS bytea[])) AS row (digest)
ON CONFLICT (queue, digest) DO UPDATE
SET attempts = suspect.attempts + 1, last_attempt_at = excluded.last_attempt_at
