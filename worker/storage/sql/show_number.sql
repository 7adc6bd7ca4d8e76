-- The number with the usage of its account at its site.
SELECT
    number.phone_number, number.status, number.sequence, number.account_id, number.site_id,
    number.extension, number.main_number, number.assigned_to, number.label, number.features,
    number.pin_is_default, coalesce(usage.active, 0) AS active,
    coalesce(usage.pending, 0) AS pending,
    (
        SELECT CAST(coalesce(sum(service.quantity), 0) AS integer)
        FROM voice_services AS service
        WHERE service.account_id = number.account_id AND service.site_id = number.site_id
            AND (service.starts_on IS NULL OR service.starts_on <= CAST(:today AS date))
            AND (service.ends_on IS NULL OR service.ends_on >= CAST(:today AS date))
    ) AS "limit"
FROM phone_numbers AS number
LEFT JOIN entitlement_usage AS usage USING (account_id, site_id)
WHERE number.phone_number = :phone_number
