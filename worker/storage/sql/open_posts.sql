-- A row for each post that there never was before.
INSERT INTO leadership (lane, term)
SELECT post, 0 FROM unnest(CAST(:posts AS integer[])) AS post
ON CONFLICT DO NOTHING
