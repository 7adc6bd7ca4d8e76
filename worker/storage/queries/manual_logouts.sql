-- Manual logouts: what people have to do after a deactivation.

-- name: open_manual_logouts
-- Stores manual logouts as open, after the earlier ones of the same devices were closed.
INSERT INTO manual_logouts (
    phone_number, device_id, device_kind, extension, account_id, site_id, command_source,
    command_id, required_at
)
SELECT row.*, CAST(:now AS timestamptz)
FROM unnest(
    CAST(:phone_number AS text[]), CAST(:device_id AS text[]), CAST(:device_kind AS text[]),
    CAST(:extension AS text[]), CAST(:account_id AS text[]), CAST(:site_id AS text[]),
    CAST(:command_source AS text[]), CAST(:command_id AS text[])
) AS row;

-- name: close_manual_logouts
-- Closes the open manual logouts of these devices (pairs of number and device), with who and why.
UPDATE manual_logouts AS known
SET closed_at = CAST(:now AS timestamptz), closed_by = CAST(:closed_by AS text),
    reason = CAST(:reason AS text)
FROM unnest(CAST(:phone_numbers AS text[]), CAST(:device_ids AS text[])) AS device (
    phone_number, device_id
)
WHERE known.phone_number = device.phone_number AND known.device_id = device.device_id
    AND known.closed_at IS NULL;

-- name: list_manual_logouts
-- Lists a page of manual logouts, the oldest first: of one site or of all (null), the open ones or
-- the closed ones too.
SELECT place, phone_number, device_id, device_kind, extension, account_id, site_id, command_source,
    command_id, required_at, closed_at, closed_by, reason
FROM manual_logouts
WHERE place > CAST(:after AS bigint)
    AND (CAST(:site_id AS text) IS NULL OR site_id = CAST(:site_id AS text))
    AND (closed_at IS NULL OR CAST(:with_closed AS boolean))
ORDER BY place
LIMIT CAST(:maximum AS integer);

-- name: site_is_known
-- Whether a number, a voice service or a manual logout is at this site.
SELECT EXISTS (SELECT FROM phone_numbers WHERE site_id = CAST(:site_id AS text))
    OR EXISTS (SELECT FROM voice_services WHERE site_id = CAST(:site_id AS text))
    OR EXISTS (SELECT FROM manual_logouts WHERE site_id = CAST(:site_id AS text)) AS is_known;
