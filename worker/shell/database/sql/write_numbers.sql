-- The numbers as they are from now on. The triggers count the usage.
UPDATE phone_numbers AS number
SET
    status = row.status,
    sequence = row.sequence,
    label = CASE WHEN row.blank THEN NULL ELSE number.label END,
    features = CASE WHEN row.blank THEN '{}' ELSE number.features END,
    pin_is_default = row.blank OR number.pin_is_default
FROM unnest(CAST(:moved_numbers AS moved_number[])) AS row
WHERE number.phone_number = row.phone_number
