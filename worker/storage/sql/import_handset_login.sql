INSERT INTO handset_logins AS known (phone_number, device_id, device_kind)
SELECT phone_number, device_id, device_kind
FROM import_handset_login
WHERE place >= CAST(:first AS integer) AND place < CAST(:end AS integer)
ORDER BY place
ON CONFLICT (phone_number, device_id) DO UPDATE SET device_kind = excluded.device_kind
WHERE known.device_kind <> excluded.device_kind
