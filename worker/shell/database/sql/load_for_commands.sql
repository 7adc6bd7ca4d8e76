-- For each command all that its decision may look at: the number, the usage and the entitlement of
-- the account at the site that it names, and what came before under the same source and id. A
-- statement of its own after the locks: READ COMMITTED gives each statement a new snapshot, so what
-- the former holder wrote is seen.
SELECT
    asked.source AS asked_source,
    asked.command_id AS asked_id,
    asked.account_id AS asked_account,
    asked.site_id AS asked_site,
    usage.active,
    usage.pending,
    (
        SELECT CAST(coalesce(sum(service.quantity), 0) AS integer)
        FROM voice_services AS service
        WHERE service.account_id = asked.account_id AND service.site_id = asked.site_id
            AND (service.starts_on IS NULL OR service.starts_on <= CAST(:today AS date))
            AND (service.ends_on IS NULL OR service.ends_on >= CAST(:today AS date))
    ) AS "limit",
    ARRAY(
        SELECT earlier.fingerprint FROM commands AS earlier
        WHERE earlier.source = asked.source AND earlier.command_id = asked.command_id
    ) AS fingerprints,
    number.*
FROM unnest(
    CAST(:sources AS text[]), CAST(:command_ids AS text[]), CAST(:phone_numbers AS text[]),
    CAST(:account_ids AS text[]), CAST(:site_ids AS text[])
) AS asked (source, command_id, phone_number, account_id, site_id)
LEFT JOIN known_numbers AS number ON number.phone_number = asked.phone_number
LEFT JOIN entitlement_usage AS usage
    ON usage.account_id = asked.account_id AND usage.site_id = asked.site_id
