-- The import: stage, lock, check, store.

-- name: import_alone
-- Takes the lock that allows one import at a time: two would wait for each other's numbers, or
-- overwrite what the other has checked.
SELECT pg_try_advisory_xact_lock(CAST(:lock AS bigint));

-- name: import_stage
-- Creates the temporary tables and views of an import (a script of several statements), from the
-- staged records.
CREATE TEMPORARY TABLE import_voice_service ON COMMIT DROP AS
SELECT staged.line, record.*
FROM staged_records AS staged
CROSS JOIN jsonb_populate_record(CAST(NULL AS voice_services), staged.record) AS record
WHERE staged.kind = 'voice_service';
CREATE TEMPORARY TABLE import_phone_number ON COMMIT DROP AS
SELECT staged.line, record.*
FROM staged_records AS staged
CROSS JOIN jsonb_populate_record(CAST(NULL AS phone_numbers), staged.record) AS record
WHERE staged.kind = 'phone_number';
CREATE TEMPORARY TABLE import_call_settings ON COMMIT DROP AS
SELECT staged.line, record.*
FROM staged_records AS staged
CROSS JOIN jsonb_populate_record(CAST(NULL AS call_settings), staged.record) AS record
WHERE staged.kind = 'call_settings';
CREATE TEMPORARY TABLE import_hunt_group_member ON COMMIT DROP AS
SELECT staged.line, record.*
FROM staged_records AS staged
CROSS JOIN jsonb_populate_record(CAST(NULL AS hunt_group_members), staged.record) AS record
WHERE staged.kind = 'hunt_group_member';
CREATE TEMPORARY TABLE import_handset_login ON COMMIT DROP AS
SELECT staged.line, record.*
FROM staged_records AS staged
CROSS JOIN jsonb_populate_record(CAST(NULL AS handset_logins), staged.record) AS record
WHERE staged.kind = 'handset_login';
ANALYZE import_voice_service, import_phone_number, import_call_settings, import_hunt_group_member,
    import_handset_login;

-- Every number that a line names.
CREATE OR REPLACE TEMPORARY VIEW import_touched AS
SELECT line, phone_number FROM import_phone_number
UNION ALL SELECT line, phone_number FROM import_call_settings
UNION ALL SELECT line, phone_number FROM import_hunt_group_member
UNION ALL SELECT line, phone_number FROM import_handset_login;

-- What would exist after the import; `line` is null where the import does not name the record.
CREATE OR REPLACE TEMPORARY VIEW import_numbers_after AS
SELECT line, phone_number, account_id, site_id, main_number FROM import_phone_number
UNION ALL
SELECT NULL, phone_number, account_id, site_id, main_number FROM phone_numbers AS known
WHERE NOT EXISTS (
    SELECT FROM import_phone_number AS row WHERE row.phone_number = known.phone_number
);

CREATE OR REPLACE TEMPORARY VIEW import_call_settings_after AS
SELECT line, phone_number, hunt_group_id FROM import_call_settings
UNION ALL
SELECT NULL, phone_number, hunt_group_id FROM call_settings AS known
WHERE NOT EXISTS (
    SELECT FROM import_call_settings AS row WHERE row.phone_number = known.phone_number
);

CREATE OR REPLACE TEMPORARY VIEW import_members_after AS
SELECT line, phone_number, hunt_group_id FROM import_hunt_group_member
UNION ALL SELECT NULL, phone_number, hunt_group_id FROM hunt_group_members;

CREATE OR REPLACE TEMPORARY VIEW import_logins_after AS
SELECT line, phone_number FROM import_handset_login
UNION ALL SELECT NULL, phone_number FROM handset_logins;

-- name: import_lock_numbers
-- Locks the numbers that the import names, in key order.
SELECT count(*) FROM (
    SELECT FROM phone_numbers
    WHERE phone_number IN (SELECT phone_number FROM import_touched)
    ORDER BY phone_number
    FOR UPDATE
) AS locked;

-- name: import_open_usage
-- Creates the usage rows that are missing, so that new accounts and sites can be locked too.
INSERT INTO entitlement_usage (account_id, site_id)
SELECT DISTINCT account_id, site_id FROM import_phone_number WHERE account_id IS NOT NULL
ORDER BY account_id, site_id
ON CONFLICT DO NOTHING;

-- name: import_lock_usage
-- Locks the accounts at the sites that numbers join or leave, in key order.
SELECT count(*) FROM (
    SELECT FROM entitlement_usage
    WHERE (account_id, site_id) IN (
        SELECT account_id, site_id FROM import_phone_number
        UNION
        SELECT known.account_id, known.site_id
        FROM phone_numbers AS known
        WHERE known.phone_number IN (SELECT phone_number FROM import_touched)
    )
    ORDER BY account_id, site_id
    FOR UPDATE
) AS locked;

-- name: import_problems
-- Lists the lines that must not be stored, each with the reason.
SELECT touched.line,
    phone_number || ' has an operation under way: import it when that has ended' AS problem
FROM import_touched AS touched
JOIN phone_numbers AS known USING (phone_number)
WHERE known.status = 'PENDING'

UNION
SELECT line, 'status: Field required' FROM import_phone_number WHERE status IS NULL

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
WHERE number.main_number AND coalesce(member.line, settings.line, number.line) IS NOT NULL;

-- name: import_end_operations
-- Ends the operation under way of a number that changes its account, site or status: a result must
-- not add it to a hunt group of an account that it has left.
WITH changed AS (
    SELECT phone_number
    FROM import_phone_number AS row
    JOIN phone_numbers AS known USING (phone_number)
    WHERE (known.account_id, known.site_id, known.status)
        IS DISTINCT FROM (row.account_id, row.site_id, row.status)
),
steps AS (
    UPDATE pbx_steps SET ended_at = now()
    WHERE ended_at IS NULL AND phone_number IN (SELECT phone_number FROM changed)
)
DELETE FROM operations WHERE phone_number IN (SELECT phone_number FROM changed);

-- name: import_release_main_numbers
-- Clears the main number flag where it ends or moves, before anything is stored: the unique index
-- checks each row as it is written, and a successor may come before its predecessor.
UPDATE phone_numbers AS known
SET main_number = false
FROM import_phone_number AS row
WHERE known.phone_number = row.phone_number
    AND known.main_number
    AND (NOT row.main_number
        OR (known.account_id, known.site_id) IS DISTINCT FROM (row.account_id, row.site_id));

-- name: import_forget_call_settings
-- Deletes the call settings of numbers that are no main numbers.
DELETE FROM call_settings AS known
USING import_phone_number AS row
WHERE known.phone_number = row.phone_number AND NOT row.main_number;

-- name: import_voice_service
-- Stores the voice services; unchanged rows stay untouched.
INSERT INTO voice_services AS known (
    service_id, account_id, account_kind, site_id, quantity, starts_on, ends_on
)
SELECT service_id, account_id, account_kind, site_id, quantity, starts_on, ends_on
FROM import_voice_service
ORDER BY service_id
ON CONFLICT (service_id) DO UPDATE SET
    account_id = excluded.account_id,
    account_kind = excluded.account_kind,
    site_id = excluded.site_id,
    quantity = excluded.quantity,
    starts_on = excluded.starts_on,
    ends_on = excluded.ends_on
WHERE known IS DISTINCT FROM excluded;

-- name: import_phone_number
-- Stores the numbers; a change of the status raises the sequence, as the worker does.
INSERT INTO phone_numbers AS known (
    phone_number, site_id, account_id, extension, status, main_number, assigned_to, label,
    features, pin_is_default
)
SELECT phone_number, site_id, account_id, extension, status, main_number, assigned_to, label,
    features, pin_is_default
FROM import_phone_number
ORDER BY phone_number
ON CONFLICT (phone_number) DO UPDATE SET
    site_id = excluded.site_id,
    account_id = excluded.account_id,
    extension = excluded.extension,
    status = excluded.status,
    sequence = known.sequence + (known.status <> excluded.status)::integer,
    main_number = excluded.main_number,
    assigned_to = excluded.assigned_to,
    label = excluded.label,
    features = excluded.features,
    pin_is_default = excluded.pin_is_default
WHERE (
        known.site_id, known.account_id, known.extension, known.status, known.main_number,
        known.assigned_to, known.label, known.features, known.pin_is_default
    ) IS DISTINCT FROM (
        excluded.site_id, excluded.account_id, excluded.extension, excluded.status,
        excluded.main_number, excluded.assigned_to, excluded.label, excluded.features,
        excluded.pin_is_default
    );

-- name: import_call_settings
-- Stores the call settings; unchanged rows stay untouched.
INSERT INTO call_settings AS known (
    phone_number, hunt_group_id, in_hours, out_of_hours, unanswered
)
SELECT phone_number, hunt_group_id, in_hours, out_of_hours, unanswered
FROM import_call_settings
ORDER BY phone_number
ON CONFLICT (phone_number) DO UPDATE SET
    hunt_group_id = excluded.hunt_group_id,
    in_hours = excluded.in_hours,
    out_of_hours = excluded.out_of_hours,
    unanswered = excluded.unanswered
WHERE known IS DISTINCT FROM excluded;

-- name: import_hunt_group_member
-- Stores the memberships.
INSERT INTO hunt_group_members (phone_number, hunt_group_id)
SELECT phone_number, hunt_group_id
FROM import_hunt_group_member
ORDER BY phone_number, hunt_group_id
ON CONFLICT DO NOTHING;

-- name: import_handset_login
-- Stores the handset logins; unchanged rows stay untouched.
INSERT INTO handset_logins AS known (phone_number, device_id, device_kind)
SELECT phone_number, device_id, device_kind
FROM import_handset_login
ORDER BY phone_number, device_id
ON CONFLICT (phone_number, device_id) DO UPDATE SET device_kind = excluded.device_kind
WHERE known.device_kind <> excluded.device_kind;
