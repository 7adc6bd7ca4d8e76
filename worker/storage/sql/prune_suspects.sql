-- What was tried for the last time long ago.
DELETE FROM suspects
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM suspects
    WHERE last_attempt_at < CAST(:before AS timestamptz)
    LIMIT CAST(:maximum AS integer)
))
