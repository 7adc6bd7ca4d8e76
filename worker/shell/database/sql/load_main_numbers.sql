-- The main numbers of accounts at their sites, with where their calls go.
SELECT
    number.account_id,
    number.site_id,
    number.phone_number,
    number.status,
    settings.hunt_group_id,
    ARRAY[settings.in_hours, settings.out_of_hours, settings.unanswered] AS targets
FROM phone_numbers AS number
JOIN call_settings AS settings USING (phone_number)
WHERE number.main_number
    AND (number.account_id, number.site_id) IN (
        SELECT * FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[]))
    )
