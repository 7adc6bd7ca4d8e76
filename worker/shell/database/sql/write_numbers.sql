-- The numbers as they are from now on. The triggers count the usage.
UPDATE phone_numbers AS number
SET
    status = row.status,
    sequence = row.sequence,
    label = CASE WHEN row.blank THEN NULL ELSE number.label END,
    features = CASE WHEN row.blank THEN '{}' ELSE number.features END,
    pin_is_default = row.blank OR number.pin_is_default
FROM unnest(
    CAST(:moved_numbers AS text[]), CAST(:moved_statuses AS text[]),
    CAST(:moved_sequences AS bigint[]), CAST(:moved_blank AS boolean[])
) AS row (phone_number, status, sequence, blank)
WHERE number.phone_number = row.phone_number
