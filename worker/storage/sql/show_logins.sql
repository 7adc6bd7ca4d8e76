SELECT device_id, device_kind FROM handset_logins
WHERE phone_number = :phone_number ORDER BY device_id
