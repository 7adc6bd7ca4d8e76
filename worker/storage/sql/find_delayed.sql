-- Whether anything of the lane was tried and not taken.
SELECT FROM outbox
WHERE lane = CAST(:lane AS integer) AND next_attempt_at IS NOT NULL
LIMIT 1
