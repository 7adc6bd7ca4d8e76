-- A new term, unless nobody else has led since ours. Waits for what the former leader has under
-- way: every transaction of a leader shares a lock on this row.
UPDATE leadership SET term = term + 1, gained_at = now()
WHERE lane = CAST(:lane AS integer) AND term IS DISTINCT FROM CAST(:term AS bigint)
RETURNING term
