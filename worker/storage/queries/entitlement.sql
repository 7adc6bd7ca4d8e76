-- What accounts use at their sites, beside the services in force there.

-- name: lock_usages
-- Locks the usage of these accounts at their sites, in key order like every decision.
SELECT 1
FROM entitlement_usage
WHERE (account_id, site_id) IN (
    SELECT * FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[]))
)
ORDER BY account_id, site_id
FOR UPDATE;

-- name: load_usages
-- Reads the usage of these accounts at their sites.
SELECT * FROM usage_snapshots(
    ARRAY(
        SELECT usage FROM entitlement_usage AS usage
        WHERE (account_id, site_id) IN (
            SELECT * FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[]))
        )
    ),
    CAST(:today AS date)
)
ORDER BY account_id, site_id;

-- name: load_usages_after
-- Reads the usage of the next accounts and sites, in the order of the key.
SELECT * FROM usage_snapshots(
    ARRAY(
        SELECT usage FROM entitlement_usage AS usage
        WHERE (account_id, site_id) > (CAST(:account_id AS text), CAST(:site_id AS text))
        ORDER BY account_id, site_id
        LIMIT CAST(:maximum AS integer)
    ),
    CAST(:today AS date)
)
ORDER BY account_id, site_id;

-- name: load_upcoming_services
-- Reads the next days on which services of these accounts at their sites begin or cease to be in
-- force. A service is in force on its last day. The last day of the calendar is no end.
SELECT account_id, site_id, day, beginning, ending
FROM (
    SELECT service.account_id, service.site_id, change.day, sum(change.beginning) AS beginning,
        sum(change.ending) AS ending, row_number() OVER (
            PARTITION BY service.account_id, service.site_id ORDER BY change.day
        ) AS place
    FROM voice_services AS service
    CROSS JOIN LATERAL (
        VALUES (service.starts_on, service.quantity, 0), (service.ends_on + 1, 0, service.quantity)
    ) AS change (day, beginning, ending)
    WHERE (service.account_id, service.site_id) IN (
        SELECT * FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[]))
    )
        AND service.quantity > 0
        AND change.day > CAST(:today AS date) AND change.day <= DATE '9999-12-31'
    GROUP BY service.account_id, service.site_id, change.day
) AS upcoming
WHERE place <= CAST(:maximum AS integer)
ORDER BY account_id, site_id, day;

-- name: mark_entitlements
-- Remembers which shortages are published and have not ended.
UPDATE entitlement_usage AS usage
SET exceeded = row.exceeded
FROM unnest(
    CAST(:account_id AS text[]), CAST(:site_id AS text[]), CAST(:exceeded AS boolean[])
) AS row (account_id, site_id, exceeded)
WHERE usage.account_id = row.account_id AND usage.site_id = row.site_id;
