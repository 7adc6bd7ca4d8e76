-- The operations have ended, and the ledger says so.
WITH ended AS (
    DELETE FROM operations
    WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
    RETURNING command_source, command_id, fingerprint
)
UPDATE commands
SET outcome = 'completed', ended_at = CAST(:now AS timestamptz)
FROM ended
WHERE commands.source = ended.command_source
    AND commands.command_id = ended.command_id
    AND commands.fingerprint = ended.fingerprint
