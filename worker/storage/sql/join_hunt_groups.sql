-- New members. One that was put there by hand before stays one.
INSERT INTO hunt_group_members (phone_number, hunt_group_id)
SELECT * FROM unnest(CAST(:phone_number AS text[]), CAST(:hunt_group_id AS text[]))
ON CONFLICT DO NOTHING
