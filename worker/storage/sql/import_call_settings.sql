INSERT INTO call_settings AS known (
    phone_number, hunt_group_id, in_hours, out_of_hours, unanswered
)
SELECT phone_number, hunt_group_id, in_hours, out_of_hours, unanswered
FROM import_call_settings
WHERE place >= CAST(:first AS integer) AND place < CAST(:end AS integer)
ORDER BY place
ON CONFLICT (phone_number) DO UPDATE SET
    hunt_group_id = excluded.hunt_group_id,
    in_hours = excluded.in_hours,
    out_of_hours = excluded.out_of_hours,
    unanswered = excluded.unanswered
WHERE known IS DISTINCT FROM excluded
