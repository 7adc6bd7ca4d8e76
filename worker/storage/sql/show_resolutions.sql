SELECT decided_at, command_id, resolution, decided_by, reason
FROM resolutions WHERE phone_number = :phone_number ORDER BY decided_at
