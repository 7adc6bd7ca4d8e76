-- Each post with the term of its holder, and what its lane has still to say.
SELECT lane AS post, term, gained_at,
    (SELECT count(*) FROM outbox WHERE outbox.lane = leadership.lane) AS outbox_messages
FROM leadership
WHERE lane = ANY(CAST(:posts AS integer[]))
ORDER BY lane
