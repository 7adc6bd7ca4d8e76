-- The broker has confirmed them.
DELETE FROM outbox WHERE lane = CAST(:lane AS integer) AND position = ANY(CAST(:positions AS bigint[]))
