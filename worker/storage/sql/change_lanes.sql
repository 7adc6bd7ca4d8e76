-- The wish has come true; the queues of before are still there.
UPDATE lanes SET present = wished, former = present
