-- Locks the accounts at their sites, then the numbers, each in key order: so two workers cannot
-- deadlock. Every change of a number's status happens under its account's lock.
WITH locked_usage AS MATERIALIZED (
    SELECT FROM entitlement_usage
    WHERE (account_id, site_id) IN (
        SELECT * FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[]))
    )
    ORDER BY account_id, site_id
    FOR UPDATE
)
SELECT FROM phone_numbers
-- Counting the first locks is what makes them the first.
WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
    AND (SELECT count(*) FROM locked_usage) IS NOT NULL
ORDER BY phone_number
FOR UPDATE
