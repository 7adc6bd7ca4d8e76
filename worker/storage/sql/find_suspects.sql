-- How often handling these messages was begun and never finished.
SELECT digest, attempts FROM suspects
WHERE queue = :queue AND digest = ANY(CAST(:digests AS bytea[]))
