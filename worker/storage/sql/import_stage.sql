-- Where the records of an import stand before they are believed. `line` is where a record came
-- from, `place` where it stands in the order of keys.
CREATE TEMPORARY TABLE import_voice_service (
    place integer PRIMARY KEY, line integer NOT NULL,
    LIKE voice_services
) ON COMMIT DROP;
CREATE TEMPORARY TABLE import_phone_number (
    place integer PRIMARY KEY, line integer NOT NULL,
    phone_number text NOT NULL, site_id text NOT NULL, account_id text, extension text,
    status text NOT NULL, main_number boolean NOT NULL, assigned_to text, label text,
    features text[] NOT NULL, pin_is_default boolean NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE import_call_settings (
    place integer PRIMARY KEY, line integer NOT NULL,
    LIKE call_settings
) ON COMMIT DROP;
CREATE TEMPORARY TABLE import_hunt_group_member (
    place integer PRIMARY KEY, line integer NOT NULL,
    LIKE hunt_group_members
) ON COMMIT DROP;
CREATE TEMPORARY TABLE import_handset_login (
    place integer PRIMARY KEY, line integer NOT NULL,
    LIKE handset_logins
) ON COMMIT DROP;

-- Every number that some line speaks of.
CREATE TEMPORARY VIEW import_touched AS
SELECT line, phone_number FROM import_phone_number
UNION ALL SELECT line, phone_number FROM import_call_settings
UNION ALL SELECT line, phone_number FROM import_hunt_group_member
UNION ALL SELECT line, phone_number FROM import_handset_login;

-- What would be there after the import; without a line where the import does not speak of it.
CREATE TEMPORARY VIEW import_numbers_after AS
SELECT line, phone_number, account_id, site_id, main_number FROM import_phone_number
UNION ALL
SELECT NULL, phone_number, account_id, site_id, main_number FROM phone_numbers AS known
WHERE NOT EXISTS (SELECT FROM import_phone_number AS row WHERE row.phone_number = known.phone_number);

CREATE TEMPORARY VIEW import_call_settings_after AS
SELECT line, phone_number, hunt_group_id FROM import_call_settings
UNION ALL
SELECT NULL, phone_number, hunt_group_id FROM call_settings AS known
WHERE NOT EXISTS (SELECT FROM import_call_settings AS row WHERE row.phone_number = known.phone_number);

CREATE TEMPORARY VIEW import_members_after AS
SELECT line, phone_number, hunt_group_id FROM import_hunt_group_member
UNION ALL SELECT NULL, phone_number, hunt_group_id FROM hunt_group_members;

CREATE TEMPORARY VIEW import_logins_after AS
SELECT line, phone_number FROM import_handset_login
UNION ALL SELECT NULL, phone_number FROM handset_logins
