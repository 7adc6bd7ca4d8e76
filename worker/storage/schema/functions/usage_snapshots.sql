-- Completes locked usage rows with the number of services that are in force today.
CREATE FUNCTION usage_snapshots(usages entitlement_usage[], today date) RETURNS SETOF usage_snapshot
LANGUAGE sql STABLE AS $$
    SELECT usage.account_id, usage.site_id, usage.active, usage.pending, usage.exceeded, (
        SELECT CAST(coalesce(sum(service.quantity), 0) AS integer)
        FROM voice_services AS service
        WHERE service.account_id = usage.account_id AND service.site_id = usage.site_id
            AND (service.starts_on IS NULL OR service.starts_on <= today)
            AND (service.ends_on IS NULL OR service.ends_on >= today)
    )
    FROM unnest(usages) AS usage
$$;
