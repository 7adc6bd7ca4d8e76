-- Locks the accounts at their sites that numbers come to or leave, in key order.
SELECT count(*) FROM (
    SELECT FROM entitlement_usage
    WHERE (account_id, site_id) IN (
        SELECT account_id, site_id FROM import_phone_number
        UNION
        SELECT known.account_id, known.site_id
        FROM phone_numbers AS known
        WHERE known.phone_number IN (SELECT phone_number FROM import_touched)
    )
    ORDER BY account_id, site_id
    FOR UPDATE
) AS locked
