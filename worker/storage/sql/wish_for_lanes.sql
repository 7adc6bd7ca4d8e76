-- A change begins, or goes on to another number.
UPDATE lanes
SET wished = CAST(:wished AS integer),
    change = change + (wished = present)::integer
WHERE wished <> CAST(:wished AS integer)
