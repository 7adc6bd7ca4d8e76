-- The numbers to which these steps belong.
SELECT DISTINCT phone_number
FROM pbx_operations
WHERE operation_id = ANY(CAST(:operation_ids AS text[]))
