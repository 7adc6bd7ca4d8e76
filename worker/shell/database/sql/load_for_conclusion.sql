-- For each number all that a conclusion may look at: its holder's usage and entitlement, and the
-- holder's main number with where its calls go. After the locks, as for commands.
SELECT
    number.*,
    usage.active,
    usage.pending,
    (
        SELECT CAST(coalesce(sum(service.quantity), 0) AS integer)
        FROM voice_services AS service
        WHERE service.account_id = number.account_id AND service.site_id = number.site_id
            AND (service.starts_on IS NULL OR service.starts_on <= CAST(:today AS date))
            AND (service.ends_on IS NULL OR service.ends_on >= CAST(:today AS date))
    ) AS "limit",
    EXISTS (
        SELECT FROM known_steps AS step WHERE step.phone_number = number.phone_number
    ) AS has_steps,
    main.phone_number AS main_phone_number,
    main.status AS main_status,
    settings.hunt_group_id AS main_hunt_group_id,
    ARRAY[settings.in_hours, settings.out_of_hours, settings.unanswered] AS main_targets
FROM known_numbers AS number
LEFT JOIN entitlement_usage AS usage
    ON usage.account_id = number.account_id AND usage.site_id = number.site_id
LEFT JOIN (phone_numbers AS main JOIN call_settings AS settings USING (phone_number))
    ON main.account_id = number.account_id AND main.site_id = number.site_id AND main.main_number
WHERE number.phone_number = ANY(CAST(:phone_numbers AS text[]))
