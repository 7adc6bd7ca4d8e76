SELECT hunt_group_id FROM hunt_group_members
WHERE phone_number = :phone_number ORDER BY hunt_group_id
