-- Locks the accounts that hold these numbers, then the numbers, as for commands. An account that
-- gives a number away in between leaves it with nothing to conclude.
WITH holders AS MATERIALIZED (
    SELECT DISTINCT account_id, site_id FROM phone_numbers
    WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
),
locked_usage AS MATERIALIZED (
    SELECT FROM entitlement_usage
    WHERE (account_id, site_id) IN (
        SELECT * FROM unnest(
            ARRAY(SELECT account_id FROM holders ORDER BY account_id, site_id),
            ARRAY(SELECT site_id FROM holders ORDER BY account_id, site_id)
        )
    )
    ORDER BY account_id, site_id
    FOR UPDATE
)
SELECT FROM phone_numbers
WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
    AND (SELECT count(*) FROM locked_usage) IS NOT NULL
ORDER BY phone_number
FOR UPDATE
