-- What people discarded long ago.
DELETE FROM discarded_messages
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM discarded_messages
    WHERE discarded_at < CAST(:before AS timestamptz)
    LIMIT CAST(:maximum AS integer)
))
