-- The records of a file beside those that are held. They are staged in a session, so that no
-- transaction is open while the file is read; an import and a comparison read the same views.

-- name: stage
-- Creates the table and the views of a session (a script of several statements).
-- The fields of a record are one JSON object: all kinds share each statement.
CREATE TEMPORARY TABLE staged_records (
    kind         text NOT NULL,
    line         integer NOT NULL,
    -- What identifies the record within its kind: one text, which begins with the number.
    key          text NOT NULL,
    phone_number text,
    account_id   text,
    site_id      text,
    record       jsonb NOT NULL
);

CREATE TEMPORARY VIEW held_voice_services AS
SELECT service_id AS key, NULL AS phone_number, site_id, jsonb_build_object(
    'service_id', service_id, 'account_id', account_id, 'account_kind', account_kind,
    'site_id', site_id, 'quantity', quantity, 'starts_on', starts_on, 'ends_on', ends_on
) AS record
FROM voice_services;

CREATE TEMPORARY VIEW held_phone_numbers AS
SELECT phone_number AS key, phone_number, site_id, jsonb_build_object(
    'phone_number', phone_number, 'site_id', site_id, 'account_id', account_id,
    'extension', extension, 'status', status, 'main_number', main_number,
    'assigned_to', assigned_to, 'label', label, 'features', features,
    'pin_is_default', pin_is_default
) AS record
FROM phone_numbers;

CREATE TEMPORARY VIEW held_call_settings AS
SELECT phone_number AS key, phone_number, site_id, jsonb_build_object(
    'phone_number', phone_number, 'hunt_group_id', hunt_group_id, 'in_hours', in_hours,
    'out_of_hours', out_of_hours, 'unanswered', unanswered
) AS record
FROM call_settings JOIN phone_numbers USING (phone_number);

CREATE TEMPORARY VIEW held_hunt_group_members AS
SELECT phone_number || ' ' || hunt_group_id AS key, phone_number, site_id, jsonb_build_object(
    'phone_number', phone_number, 'hunt_group_id', hunt_group_id
) AS record
FROM hunt_group_members JOIN phone_numbers USING (phone_number);

CREATE TEMPORARY VIEW held_handset_logins AS
SELECT phone_number || ' ' || device_id AS key, phone_number, site_id, jsonb_build_object(
    'phone_number', phone_number, 'device_id', device_id, 'device_kind', device_kind
) AS record
FROM handset_logins JOIN phone_numbers USING (phone_number);

-- Of an import: the numbers of which something differs, and the accounts at their sites that hold
-- them, before or after. Only these are locked and changed.
CREATE TEMPORARY TABLE touched_numbers (phone_number text PRIMARY KEY) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE touched_holders (
    account_id text NOT NULL, site_id text NOT NULL
) ON COMMIT DELETE ROWS;

-- Each staged record with the held one of the same key, or with NULL. Each kind has a branch of its
-- own: a short file finds what is held by index.
CREATE TEMPORARY VIEW staged_and_held AS
SELECT staged.kind, staged.key, staged.line, staged.phone_number,
    staged.record AS in_file, held.record AS held
FROM staged_records AS staged
LEFT JOIN held_voice_services AS held ON held.key = staged.key
WHERE staged.kind = 'voice_service'
UNION ALL
SELECT staged.kind, staged.key, staged.line, staged.phone_number, staged.record,
    -- A status that the file leaves out is not compared.
    CASE WHEN staged.record ? 'status' THEN held.record ELSE held.record - 'status' END
FROM staged_records AS staged
LEFT JOIN held_phone_numbers AS held ON held.phone_number = staged.phone_number
WHERE staged.kind = 'phone_number'
UNION ALL
SELECT staged.kind, staged.key, staged.line, staged.phone_number, staged.record, held.record
FROM staged_records AS staged
LEFT JOIN held_call_settings AS held ON held.phone_number = staged.phone_number
WHERE staged.kind = 'call_settings'
UNION ALL
SELECT staged.kind, staged.key, staged.line, staged.phone_number, staged.record, held.record
FROM staged_records AS staged
LEFT JOIN held_hunt_group_members AS held
    ON held.phone_number = staged.phone_number AND held.key = staged.key
WHERE staged.kind = 'hunt_group_member'
UNION ALL
SELECT staged.kind, staged.key, staged.line, staged.phone_number, staged.record, held.record
FROM staged_records AS staged
LEFT JOIN held_handset_logins AS held
    ON held.phone_number = staged.phone_number AND held.key = staged.key
WHERE staged.kind = 'handset_login';

CREATE TEMPORARY VIEW staged_differences AS
SELECT * FROM staged_and_held WHERE in_file IS DISTINCT FROM held;

-- What is held at the sites that the file names, and is missing in the file.
CREATE TEMPORARY VIEW held_only AS
SELECT kind, key, phone_number, record AS held
FROM (
    SELECT 'voice_service' AS kind, * FROM held_voice_services
    UNION ALL SELECT 'phone_number', * FROM held_phone_numbers
    UNION ALL SELECT 'call_settings', * FROM held_call_settings
    UNION ALL SELECT 'hunt_group_member', * FROM held_hunt_group_members
    UNION ALL SELECT 'handset_login', * FROM held_handset_logins
) AS held
WHERE site_id IN (
    SELECT site_id FROM staged_records WHERE kind IN ('voice_service', 'phone_number')
) AND NOT EXISTS (
    SELECT FROM staged_records AS staged WHERE staged.kind = held.kind AND staged.key = held.key
);

-- name: stage_contradictions
-- Lists the first lines that say something else than an earlier line about the same record. Each
-- row has the `total` of all of them.
WITH repeated AS (
    SELECT kind, key, min(line) AS line
    FROM staged_records
    GROUP BY kind, key
    HAVING count(*) > 1
)
SELECT later.line,
    'contradicts line ' || repeated.line || ' about the same ' || kind || ': keep one' AS problem,
    count(*) OVER ()::integer AS total
FROM repeated
JOIN staged_records AS earlier USING (kind, key, line)
JOIN staged_records AS later USING (kind, key)
WHERE later.record <> earlier.record
ORDER BY later.line
LIMIT CAST(:maximum AS integer);

-- name: stage_once
-- Deletes the lines that repeat an earlier line.
DELETE FROM staged_records AS later
USING (
    SELECT kind, key, min(line) AS line
    FROM staged_records
    GROUP BY kind, key
    HAVING count(*) > 1
) AS repeated
WHERE later.kind = repeated.kind AND later.key = repeated.key AND later.line > repeated.line;

-- name: stage_counts
-- The number of staged records of each kind.
SELECT kind, count(*)::integer AS records FROM staged_records GROUP BY kind;

-- name: stage_names_a_site
-- Whether the staged services or numbers name a site.
SELECT EXISTS (SELECT FROM staged_records WHERE site_id IS NOT NULL);

-- name: stage_differences
-- Lists the differences of one kind in the order of keys: records that are not held, or are held
-- with other values, and of a complete file those that are held only. `line` and `in_file` are NULL
-- for the latter.
SELECT key, line, in_file::text, held::text
FROM (
    SELECT key, line, in_file, held
    FROM staged_differences
    WHERE kind = CAST(:kind AS text)
    UNION ALL
    SELECT key, NULL, NULL, held
    FROM held_only
    WHERE kind = CAST(:kind AS text) AND CAST(:complete AS boolean)
) AS difference
ORDER BY key;
