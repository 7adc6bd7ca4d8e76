INSERT INTO hunt_group_members (phone_number, hunt_group_id)
SELECT phone_number, hunt_group_id
FROM import_hunt_group_member
WHERE place >= CAST(:first AS integer) AND place < CAST(:end AS integer)
ORDER BY place
ON CONFLICT DO NOTHING
