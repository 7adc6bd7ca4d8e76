-- The platform's records: what a batch of changes reads and writes.

-- name: join_directory_writers
-- Waits until no import is under way: it reads and writes many records at once.
SELECT pg_advisory_xact_lock_shared(CAST(:lock AS bigint));

-- name: open_usages
-- Creates the usage rows that are missing, so that new accounts and sites can be locked too.
INSERT INTO entitlement_usage (account_id, site_id)
SELECT DISTINCT account_id, site_id
FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[])) AS holder (account_id, site_id)
ORDER BY account_id, site_id
ON CONFLICT DO NOTHING;

-- name: load_main_numbers
-- Reads the main number of each of these accounts at its site.
SELECT account_id, site_id, phone_number
FROM phone_numbers
WHERE main_number AND (account_id, site_id) IN (
    SELECT * FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[]))
);

-- name: load_records_of_numbers
-- Reads every record of these numbers, whatever their status.
SELECT
    number.phone_number, number.pin_is_default, settings.phone_number IS NOT NULL AS has_settings,
    settings.hunt_group_id, settings.in_hours, settings.out_of_hours, settings.unanswered,
    ARRAY(
        SELECT member.hunt_group_id FROM hunt_group_members AS member
        WHERE member.phone_number = number.phone_number ORDER BY member.hunt_group_id
    ) AS hunt_groups,
    ARRAY(
        SELECT ARRAY[login.device_id, login.device_kind] FROM handset_logins AS login
        WHERE login.phone_number = number.phone_number ORDER BY login.device_id
    ) AS logins
FROM phone_numbers AS number
LEFT JOIN call_settings AS settings USING (phone_number)
WHERE number.phone_number = ANY(CAST(:phone_numbers AS text[]));

-- name: load_services
-- Locks and reads these voice services.
SELECT service_id, account_id, account_kind, site_id, quantity, starts_on, ends_on
FROM voice_services
WHERE service_id = ANY(CAST(:service_ids AS text[]))
ORDER BY service_id
FOR UPDATE;

-- name: load_versions
-- Reads the versions of these records that were applied last.
SELECT kind, record_key, version
FROM record_versions
WHERE (kind, record_key) IN (
    SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:record_keys AS text[]))
);

-- name: load_deleted_numbers
-- Reads the sequences of those of these numbers that were deleted.
SELECT phone_number, sequence
FROM deleted_numbers
WHERE phone_number = ANY(CAST(:phone_numbers AS text[]));

-- name: load_waiting_records
-- Reads what waits for these numbers, in the order of arrival.
SELECT position, phone_number, waits_for, kind, record, deleted, version, cause_source, cause_id,
    correlation_id, traceparent, tracestate, waiting_since
FROM waiting_records
WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
ORDER BY position;

-- name: save_numbers
-- Stores numbers as the platform states them.
INSERT INTO phone_numbers AS known (
    phone_number, site_id, account_id, extension, status, sequence, main_number, assigned_to, label,
    features, pin_is_default
)
SELECT row.phone_number, row.site_id, row.account_id, row.extension, row.status, row.sequence,
    row.main_number, row.assigned_to, row.label, ARRAY(SELECT json_array_elements_text(row.features)),
    row.pin_is_default
FROM json_to_recordset(CAST(:rows AS json)) AS row (
    phone_number text, site_id text, account_id text, extension text, status text, sequence bigint,
    main_number boolean, assigned_to text, label text, features json, pin_is_default boolean
)
ORDER BY row.phone_number
ON CONFLICT (phone_number) DO UPDATE SET
    site_id = excluded.site_id,
    account_id = excluded.account_id,
    extension = excluded.extension,
    status = excluded.status,
    sequence = excluded.sequence,
    main_number = excluded.main_number,
    assigned_to = excluded.assigned_to,
    label = excluded.label,
    features = excluded.features,
    pin_is_default = excluded.pin_is_default;

-- name: release_main_numbers
-- Clears the flag of numbers that are main numbers no more, or elsewhere, before any number is
-- stored: the unique index checks each row as it is written.
UPDATE phone_numbers SET main_number = false
WHERE phone_number = ANY(CAST(:phone_numbers AS text[])) AND main_number;

-- name: delete_numbers
-- Deletes numbers with all of their records.
DELETE FROM phone_numbers WHERE phone_number = ANY(CAST(:phone_numbers AS text[]));

-- name: remember_deleted_numbers
-- Remembers the sequences of deleted numbers.
INSERT INTO deleted_numbers (phone_number, sequence)
SELECT * FROM unnest(CAST(:phone_numbers AS text[]), CAST(:sequences AS bigint[]))
ON CONFLICT (phone_number) DO UPDATE SET sequence = excluded.sequence;

-- name: forget_deleted_numbers
-- Forgets those that are provisioned again.
DELETE FROM deleted_numbers WHERE phone_number = ANY(CAST(:phone_numbers AS text[]));

-- name: save_call_settings
-- Stores call settings.
INSERT INTO call_settings (phone_number, hunt_group_id, in_hours, out_of_hours, unanswered)
SELECT * FROM unnest(
    CAST(:phone_numbers AS text[]), CAST(:hunt_group_ids AS text[]), CAST(:in_hours AS text[]),
    CAST(:out_of_hours AS text[]), CAST(:unanswered AS text[])
)
ON CONFLICT (phone_number) DO UPDATE SET
    hunt_group_id = excluded.hunt_group_id,
    in_hours = excluded.in_hours,
    out_of_hours = excluded.out_of_hours,
    unanswered = excluded.unanswered;

-- name: delete_call_settings
-- Deletes the call settings of these numbers.
DELETE FROM call_settings WHERE phone_number = ANY(CAST(:phone_numbers AS text[]));

-- name: save_members
-- Stores memberships.
INSERT INTO hunt_group_members (phone_number, hunt_group_id)
SELECT * FROM unnest(CAST(:phone_numbers AS text[]), CAST(:hunt_group_ids AS text[]))
ON CONFLICT DO NOTHING;

-- name: delete_members
-- Deletes memberships.
DELETE FROM hunt_group_members
WHERE (phone_number, hunt_group_id) IN (
    SELECT * FROM unnest(CAST(:phone_numbers AS text[]), CAST(:hunt_group_ids AS text[]))
);

-- name: save_logins
-- Stores logins.
INSERT INTO handset_logins (phone_number, device_id, device_kind)
SELECT * FROM unnest(
    CAST(:phone_numbers AS text[]), CAST(:device_ids AS text[]), CAST(:device_kinds AS text[])
)
ON CONFLICT (phone_number, device_id) DO UPDATE SET device_kind = excluded.device_kind;

-- name: delete_logins
-- Deletes logins.
DELETE FROM handset_logins
WHERE (phone_number, device_id) IN (
    SELECT * FROM unnest(CAST(:phone_numbers AS text[]), CAST(:device_ids AS text[]))
);

-- name: save_services
-- Stores voice services.
INSERT INTO voice_services (
    service_id, account_id, account_kind, site_id, quantity, starts_on, ends_on
)
SELECT * FROM unnest(
    CAST(:service_ids AS text[]), CAST(:account_ids AS text[]), CAST(:account_kinds AS text[]),
    CAST(:site_ids AS text[]), CAST(:quantities AS integer[]), CAST(:starts_on AS date[]),
    CAST(:ends_on AS date[])
)
ON CONFLICT (service_id) DO UPDATE SET
    account_id = excluded.account_id,
    account_kind = excluded.account_kind,
    site_id = excluded.site_id,
    quantity = excluded.quantity,
    starts_on = excluded.starts_on,
    ends_on = excluded.ends_on;

-- name: delete_services
-- Deletes voice services.
DELETE FROM voice_services WHERE service_id = ANY(CAST(:service_ids AS text[]));

-- name: save_versions
-- Remembers the versions that were applied.
INSERT INTO record_versions (kind, record_key, version)
SELECT * FROM unnest(
    CAST(:kinds AS text[]), CAST(:record_keys AS text[]), CAST(:versions AS bigint[])
)
ON CONFLICT (kind, record_key) DO UPDATE SET version = excluded.version;

-- name: let_records_wait
-- Stores records that cannot be applied yet, in the order of arrival.
INSERT INTO waiting_records (
    phone_number, waits_for, kind, record, deleted, version, cause_source, cause_id, correlation_id,
    traceparent, tracestate, waiting_since
)
SELECT
    row.phone_number, row.waits_for, row.kind, row.record, row.deleted, row.version,
    row.cause_source, row.cause_id, row.correlation_id, row.traceparent, row.tracestate,
    CAST(:now AS timestamptz)
FROM unnest(
    CAST(:phone_numbers AS text[]), CAST(:waits_for AS text[]), CAST(:kinds AS text[]),
    CAST(:records AS text[]), CAST(:deleted AS boolean[]), CAST(:versions AS bigint[]),
    CAST(:cause_sources AS text[]), CAST(:cause_ids AS text[]), CAST(:correlation_ids AS text[]),
    CAST(:traceparents AS text[]), CAST(:tracestates AS text[])
) WITH ORDINALITY AS row (
    phone_number, waits_for, kind, record, deleted, version, cause_source, cause_id, correlation_id,
    traceparent, tracestate, place
)
ORDER BY row.place;

-- name: delete_waiting_records
-- Deletes records that wait no more.
DELETE FROM waiting_records WHERE position = ANY(CAST(:positions AS bigint[]));

-- name: end_aftermaths
-- Ends what ended operations of these numbers left to do. An unsent join is withdrawn: it must not
-- put a member back that was taken out.
WITH steps AS (
    UPDATE pbx_steps SET ended_at = CAST(:now AS timestamptz)
    WHERE ended_at IS NULL AND phone_number = ANY(CAST(:phone_numbers AS text[]))
),
joins AS (
    DELETE FROM outbox USING operations AS joining
    WHERE joining.phone_number = ANY(CAST(:phone_numbers AS text[]))
        AND joining.aftermath = 'hunt_group_join'
        AND outbox.subject = joining.phone_number AND outbox.awaited
        AND outbox.exchange = 'telephony.pbx'
)
DELETE FROM operations
WHERE phone_number = ANY(CAST(:phone_numbers AS text[])) AND aftermath IS NOT NULL;
