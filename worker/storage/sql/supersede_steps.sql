-- What an earlier operation left outstanding is superseded by a new one: a PBX that obeys
-- `sequence` drops the older message.
UPDATE pbx_operations SET ended_at = CAST(:now AS timestamptz)
WHERE phone_number = ANY(CAST(:begun_numbers AS text[])) AND ended_at IS NULL
