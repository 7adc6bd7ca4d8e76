-- Main numbers that stop being this, or go elsewhere: first, because the unique index looks at
-- each row as it is written, and the successor may come before its predecessor.
UPDATE phone_numbers AS known
SET main_number = false
FROM import_phone_number AS row
WHERE known.phone_number = row.phone_number
    AND known.main_number
    AND (NOT row.main_number
        OR (known.account_id, known.site_id) IS DISTINCT FROM (row.account_id, row.site_id))
