-- The operations have ended, and the ledger says how. Without an outcome, it was said before, and
-- what had been left outstanding is settled.
WITH row AS (
    SELECT * FROM unnest(
        CAST(:phone_number AS text[]), CAST(:outcome AS text[]), CAST(:failure AS text[]),
        CAST(:detail AS text[])
    ) AS row (phone_number, outcome, failure, detail)
),
steps AS (
    UPDATE pbx_operations SET ended_at = CAST(:now AS timestamptz)
    WHERE phone_number = ANY(CAST(:phone_number AS text[])) AND ended_at IS NULL
),
ended AS (
    DELETE FROM operations USING row
    WHERE operations.phone_number = row.phone_number
    RETURNING command_source, command_id, fingerprint, row.outcome, row.failure, row.detail
)
UPDATE commands
SET outcome = ended.outcome, failure = ended.failure, detail = ended.detail,
    ended_at = CAST(:now AS timestamptz)
FROM ended
WHERE commands.source = ended.command_source
    AND commands.command_id = ended.command_id
    AND commands.fingerprint = ended.fingerprint
    AND ended.outcome IS NOT NULL
