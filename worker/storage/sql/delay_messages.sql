-- The broker did not take them: kept, shown, and tried again later; without a next attempt, when a
-- person says so.
UPDATE outbox
SET attempts = attempts + 1,
    next_attempt_at = coalesce(row.next_attempt_at, 'infinity'),
    last_error = row.last_error
FROM unnest(
    CAST(:position AS bigint[]), CAST(:next_attempt_at AS timestamptz[]),
    CAST(:last_error AS text[])
) AS row (position, next_attempt_at, last_error)
WHERE outbox.lane = CAST(:lane AS integer) AND outbox.position = row.position
