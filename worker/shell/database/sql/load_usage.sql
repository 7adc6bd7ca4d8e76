-- The usage and the limit of accounts at their sites. A statement of its own after the locks:
-- READ COMMITTED gives each statement a new snapshot, so what the former holder wrote is seen.
SELECT
    usage.account_id,
    usage.site_id,
    usage.active,
    usage.pending,
    (
        SELECT coalesce(sum(service.quantity), 0)
        FROM voice_services AS service
        WHERE service.account_id = usage.account_id
            AND service.site_id = usage.site_id
            AND (service.starts_on IS NULL OR service.starts_on <= CAST(:today AS date))
            AND (service.ends_on IS NULL OR service.ends_on >= CAST(:today AS date))
    ) AS "limit"
FROM entitlement_usage AS usage
WHERE (usage.account_id, usage.site_id) IN (
    SELECT * FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[]))
)
