-- What a completed deactivation takes away for good, call settings of a main number included.
WITH memberships AS (
    DELETE FROM hunt_group_members WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
),
settings AS (
    DELETE FROM call_settings WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
)
DELETE FROM handset_logins WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
