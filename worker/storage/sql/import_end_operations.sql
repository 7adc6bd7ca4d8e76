-- What was outstanding for a number that changes hands, place or status is settled by that: nobody
-- may ring in a group of an account that the number has left.
WITH changed AS (
    SELECT phone_number
    FROM import_phone_number AS row
    JOIN phone_numbers AS known USING (phone_number)
    WHERE (known.account_id, known.site_id, known.status)
        IS DISTINCT FROM (row.account_id, row.site_id, row.status)
),
steps AS (
    UPDATE pbx_operations SET ended_at = now()
    WHERE ended_at IS NULL AND phone_number IN (SELECT phone_number FROM changed)
)
DELETE FROM operations WHERE phone_number IN (SELECT phone_number FROM changed)
