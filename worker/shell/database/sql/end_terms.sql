-- No leader stores anything any more that has not taken the lead anew. What they have under way is
-- over before.
WITH present AS MATERIALIZED (
    SELECT every.lane, end_transactions_of_term(every.lane)
    FROM (SELECT lane FROM leadership ORDER BY lane) AS every
)
UPDATE leadership SET term = term + 1
FROM present
WHERE leadership.lane = present.lane
