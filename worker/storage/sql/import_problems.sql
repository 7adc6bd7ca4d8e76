-- What must not be stored: each line with the reason.
SELECT touched.line,
    phone_number || ' has an operation under way: import it when that has ended' AS problem
FROM import_touched AS touched
JOIN phone_numbers AS known USING (phone_number)
WHERE known.status = 'PENDING'

UNION
SELECT touched.line, touched.phone_number || ' is not provisioned'
FROM import_touched AS touched
WHERE NOT EXISTS (
    SELECT FROM import_numbers_after AS number WHERE number.phone_number = touched.phone_number
)

UNION
SELECT number.line,
    number.phone_number || ' would be a second main number of ' || account_id || ' at ' || site_id
    || ' beside ' || other.phone_number
    || CASE WHEN other.line IS NULL THEN '' ELSE ' in line ' || other.line END
FROM import_numbers_after AS number
JOIN import_numbers_after AS other USING (account_id, site_id)
WHERE number.main_number AND other.main_number
    AND other.phone_number <> number.phone_number
    AND number.line IS NOT NULL AND (other.line IS NULL OR other.line < number.line)

UNION
SELECT settings.line, phone_number || ' is no main number: only main numbers have call settings'
FROM import_call_settings AS settings
JOIN import_numbers_after AS number USING (phone_number)
WHERE NOT number.main_number

UNION
SELECT coalesce(login.line, number.line),
    phone_number || ' is a main number: it is never logged in to a handset'
FROM import_numbers_after AS number
JOIN import_logins_after AS login USING (phone_number)
WHERE number.main_number AND coalesce(login.line, number.line) IS NOT NULL

UNION
SELECT coalesce(member.line, settings.line, number.line),
    phone_number || ' is a main number: it is never a member of its own hunt group'
FROM import_numbers_after AS number
JOIN import_call_settings_after AS settings USING (phone_number)
JOIN import_members_after AS member USING (phone_number, hunt_group_id)
WHERE number.main_number AND coalesce(member.line, settings.line, number.line) IS NOT NULL
