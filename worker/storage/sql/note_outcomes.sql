-- The ledger says how operations ended. What has no outcome had ended before, and was settled only.
UPDATE commands
SET outcome = row.outcome, failure = row.failure, detail = row.detail,
    ended_at = CAST(:now AS timestamptz)
FROM unnest(CAST(:ended AS ended_operation[])) AS row
JOIN operations AS ended USING (phone_number)
WHERE commands.source = ended.command_source
    AND commands.command_id = ended.command_id
    AND commands.fingerprint = ended.fingerprint
    AND row.outcome IS NOT NULL
