-- Steps whose results nobody waits for any more, since the configuration changed. Under the locks of
-- their numbers: a result that is being counted meanwhile is counted first.
WITH locked AS (
    SELECT phone_number FROM phone_numbers
    WHERE phone_number IN (
        SELECT phone_number FROM pbx_operations
        WHERE ended_at IS NULL AND state <> 'done'
            AND step <> ALL(CAST(:awaited_steps AS text[]))
    )
    ORDER BY phone_number
    FOR UPDATE
)
UPDATE pbx_operations
SET state = 'done', again_at = NULL,
    last_result = 'no longer awaited by the configuration'
WHERE phone_number IN (SELECT phone_number FROM locked)
    AND ended_at IS NULL AND state <> 'done' AND step <> ALL(CAST(:awaited_steps AS text[]))
