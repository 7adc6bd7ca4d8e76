-- No leader stores anything any more that has not taken the lead anew.
WITH present AS (
    SELECT lane FROM leadership ORDER BY lane FOR UPDATE
)
UPDATE leadership SET term = term + 1
FROM present
WHERE leadership.lane = present.lane
