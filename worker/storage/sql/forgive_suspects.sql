-- Handling them came to nothing because the database could not store it.
UPDATE suspects SET attempts = attempts - 1
WHERE queue = :queue AND digest = ANY(CAST(:digests AS bytea[])) AND attempts > 0
