-- What people decided long ago.
DELETE FROM resolutions
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM resolutions
    WHERE decided_at < CAST(:before AS timestamptz)
    LIMIT CAST(:maximum AS integer)
))
