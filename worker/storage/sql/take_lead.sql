-- A new term of each of these lanes, unless nobody else has led since ours. What the former leaders
-- have under way is over before.
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
RETURNING leadership.lane, leadership.term
