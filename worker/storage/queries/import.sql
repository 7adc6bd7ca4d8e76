-- The import: locks, and what it changes of the records that are held.

-- name: import_alone
-- Takes the lock that allows one import at a time, if it is free.
SELECT pg_try_advisory_xact_lock(CAST(:lock AS bigint));

-- name: import_leave_out_writers
-- Waits for the transactions of directory messages, and keeps others out.
SELECT pg_advisory_xact_lock(CAST(:lock AS bigint));

-- name: import_partitions
-- Reads the number of partitions, and keeps it until the import has ended.
SELECT partitions FROM partitioning FOR SHARE;

-- name: import_touch_numbers
-- Notes the numbers of which a record differs.
INSERT INTO touched_numbers
SELECT phone_number FROM staged_differences WHERE phone_number IS NOT NULL
UNION
SELECT phone_number FROM held_only
WHERE phone_number IS NOT NULL AND CAST(:complete AS boolean);

-- name: import_lock_numbers
-- Locks these numbers in key order.
SELECT count(*) FROM (
    SELECT FROM phone_numbers
    WHERE phone_number IN (SELECT phone_number FROM touched_numbers)
    ORDER BY phone_number
    FOR UPDATE
) AS locked;

-- name: import_touch_holders
-- Notes the accounts at sites whose numbers or services differ.
INSERT INTO touched_holders
SELECT DISTINCT record ->> 'account_id', record ->> 'site_id'
FROM (
    SELECT staged.record
    FROM staged_records AS staged
    WHERE staged.kind = 'phone_number'
        AND staged.phone_number IN (SELECT phone_number FROM touched_numbers)
    UNION ALL
    SELECT held.record
    FROM held_phone_numbers AS held
    WHERE held.phone_number IN (SELECT phone_number FROM touched_numbers)
    UNION ALL
    SELECT in_file FROM staged_differences WHERE kind = 'voice_service'
    UNION ALL
    SELECT held FROM staged_differences WHERE kind = 'voice_service'
    UNION ALL
    SELECT held FROM held_only WHERE kind = 'voice_service' AND CAST(:complete AS boolean)
) AS touched
WHERE record ->> 'account_id' IS NOT NULL;

-- name: import_open_usages
-- Creates the usage rows that are missing, so that new accounts and sites can be locked too.
INSERT INTO entitlement_usage (account_id, site_id)
SELECT account_id, site_id FROM touched_holders
ORDER BY account_id, site_id
ON CONFLICT DO NOTHING;

-- name: import_lock_usages
-- Locks the accounts at their sites in key order, after the numbers.
SELECT count(*) FROM (
    SELECT FROM entitlement_usage
    WHERE (account_id, site_id) IN (SELECT account_id, site_id FROM touched_holders)
    ORDER BY account_id, site_id
    FOR UPDATE
) AS locked;

-- name: import_changes
-- Lists the records of one kind that are not held, or are held with other values. Numbers that end
-- to be a main number come first, then those that are one elsewhere, then new ones.
SELECT key, line, in_file::text, held::text, count(*) OVER ()::integer AS total
FROM staged_differences
WHERE kind = CAST(:kind AS text)
    AND (phone_number IS NULL OR phone_number IN (SELECT phone_number FROM touched_numbers))
ORDER BY coalesce(CAST(in_file ->> 'main_number' AS boolean), false),
    coalesce(CAST(held ->> 'main_number' AS boolean), false) DESC,
    key;

-- name: import_deletions
-- Lists the records of one kind that are held at the sites of the file, and are missing in it.
SELECT key, NULL AS line, held::text, count(*) OVER ()::integer AS total
FROM held_only
WHERE kind = CAST(:kind AS text)
    AND (phone_number IS NULL OR phone_number IN (SELECT phone_number FROM touched_numbers))
ORDER BY key;
