-- They have ended.
DELETE FROM operations WHERE phone_number = ANY(
    ARRAY(SELECT row.phone_number FROM unnest(CAST(:ended_operations AS ended_operation[])) AS row)
)
