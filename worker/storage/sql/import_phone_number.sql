-- A status that changes is one more in the number's sequence, whoever changes it.
INSERT INTO phone_numbers AS known (
    phone_number, site_id, account_id, extension, status, main_number, assigned_to, label,
    features, pin_is_default
)
SELECT phone_number, site_id, account_id, extension, status, main_number, assigned_to, label,
    features, pin_is_default
FROM import_phone_number
WHERE place >= CAST(:first AS integer) AND place < CAST(:end AS integer)
ORDER BY place
ON CONFLICT (phone_number) DO UPDATE SET
    site_id = excluded.site_id,
    account_id = excluded.account_id,
    extension = excluded.extension,
    status = excluded.status,
    sequence = known.sequence + (known.status <> excluded.status)::integer,
    main_number = excluded.main_number,
    assigned_to = excluded.assigned_to,
    label = excluded.label,
    features = excluded.features,
    pin_is_default = excluded.pin_is_default
WHERE (
        known.site_id, known.account_id, known.extension, known.status, known.main_number,
        known.assigned_to, known.label, known.features, known.pin_is_default
    ) IS DISTINCT FROM (
        excluded.site_id, excluded.account_id, excluded.extension, excluded.status,
        excluded.main_number, excluded.assigned_to, excluded.label, excluded.features,
        excluded.pin_is_default
    )
