-- And what is under way.
UPDATE operations SET lane = row.lane
FROM unnest(CAST(:phone_number AS text[]), CAST(:lane AS integer[])) AS row (phone_number, lane)
WHERE operations.phone_number = row.phone_number AND operations.lane <> row.lane
