-- Commands that were received long ago and have ended; what is under way is never old.
DELETE FROM commands
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM commands
    WHERE received_at < CAST(:before AS timestamptz) AND ended_at IS NOT NULL
    LIMIT CAST(:maximum AS integer)
))
