-- The voice services of all accounts at their sites. Sums only: a series for each account would
-- be too many for the one who stores the metrics.
SELECT
    coalesce(sum(usage.active + usage.pending), 0) AS used_services,
    coalesce(sum(bought.services), 0) AS bought_services,
    coalesce(sum(greatest(bought.services - usage.active - usage.pending, 0)), 0) AS free_services,
    count(*) FILTER (WHERE usage.active + usage.pending > bought.services) AS oversubscribed_accounts,
    count(*) FILTER (
        WHERE usage.active + usage.pending = bought.services AND bought.services > 0
    ) AS exhausted_accounts
FROM entitlement_usage AS usage
LEFT JOIN (
    SELECT account_id, site_id, sum(quantity) AS quantity
    FROM voice_services
    WHERE (starts_on IS NULL OR starts_on <= CAST(:today AS date))
        AND (ends_on IS NULL OR ends_on >= CAST(:today AS date))
    GROUP BY account_id, site_id
) AS service USING (account_id, site_id)
CROSS JOIN LATERAL (SELECT coalesce(service.quantity, 0) AS services) AS bought
