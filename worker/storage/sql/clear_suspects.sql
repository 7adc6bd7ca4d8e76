-- They were handled, or put away for good.
DELETE FROM suspects WHERE queue = :queue AND digest = ANY(CAST(:digests AS bytea[]))
