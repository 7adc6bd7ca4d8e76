-- A new term, unless nobody else has led since ours. What the former leader has under way is over
-- before it begins.
WITH former AS MATERIALIZED (
    SELECT lane, end_transactions_of_term(lane)
    FROM leadership
    WHERE lane = CAST(:lane AS integer) AND term IS DISTINCT FROM CAST(:term AS bigint)
)
UPDATE leadership SET term = term + 1, gained_at = now()
FROM former
WHERE leadership.lane = former.lane
RETURNING leadership.term
