-- What an earlier operation left outstanding is superseded by a new one: a PBX that obeys
-- `sequence` drops the older message.
UPDATE pbx_operations SET ended_at = CAST(:now AS timestamptz)
WHERE phone_number = ANY(
    ARRAY(SELECT row.phone_number FROM unnest(CAST(:begun_operations AS begun_operation[])) AS row)
) AND ended_at IS NULL
