-- Only main numbers have them.
DELETE FROM call_settings AS known
USING import_phone_number AS row
WHERE known.phone_number = row.phone_number AND NOT row.main_number
