-- The broker has confirmed them.
DELETE FROM outbox WHERE position = ANY(CAST(:positions AS bigint[]))
