SELECT hunt_group_id, in_hours, out_of_hours, unanswered
FROM call_settings WHERE phone_number = :phone_number
