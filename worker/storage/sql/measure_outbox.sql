-- How much must still be said, and for how long it has waited.
SELECT
    count(*) AS messages,
    count(*) FILTER (WHERE isfinite(next_attempt_at)) AS delayed_messages,
    count(*) FILTER (WHERE next_attempt_at = 'infinity') AS parked_messages,
    coalesce(extract(epoch FROM CAST(:now AS timestamptz) - min(queued_at)), 0) AS oldest_seconds
FROM outbox
