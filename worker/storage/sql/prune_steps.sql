-- Steps that were asked for long ago; what is awaited is never old.
DELETE FROM pbx_operations
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM pbx_operations
    WHERE asked_at < CAST(:before AS timestamptz) AND ended_at IS NOT NULL
    LIMIT CAST(:maximum AS integer)
))
