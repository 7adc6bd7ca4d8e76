-- What is to be said of these numbers belongs to another lane from now on.
UPDATE outbox SET lane = row.lane
FROM unnest(CAST(:phone_number AS text[]), CAST(:lane AS integer[])) AS row (phone_number, lane)
WHERE outbox.phone_number = row.phone_number AND outbox.lane <> row.lane
