-- Steps whose results nobody waits for any more, since the configuration changed.
UPDATE pbx_operations
SET state = 'done', again_at = NULL,
    last_result = 'no longer awaited by the configuration'
WHERE ended_at IS NULL AND state <> 'done' AND step <> ALL(CAST(:awaited_steps AS text[]))
