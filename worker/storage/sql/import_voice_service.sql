INSERT INTO voice_services AS known (
    service_id, account_id, account_kind, site_id, quantity, starts_on, ends_on
)
SELECT service_id, account_id, account_kind, site_id, quantity, starts_on, ends_on
FROM import_voice_service
WHERE place >= CAST(:first AS integer) AND place < CAST(:end AS integer)
ORDER BY place
ON CONFLICT (service_id) DO UPDATE SET
    account_id = excluded.account_id,
    account_kind = excluded.account_kind,
    site_id = excluded.site_id,
    quantity = excluded.quantity,
    starts_on = excluded.starts_on,
    ends_on = excluded.ends_on
WHERE known IS DISTINCT FROM excluded
