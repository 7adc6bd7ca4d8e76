-- Keeps what was decided. A unique violation means that another worker decided one of the
-- commands in between: the whole batch is then decided again, on what that worker left.
INSERT INTO commands (
    source, command_id, variant, fingerprint, original, operation, phone_number, account_id, site_id,
    requested_by, correlation_id, received_at, outcome, refusal, detail, ended_at
)
SELECT
    row.source, row.command_id, CASE WHEN row.original THEN '' ELSE row.fingerprint END,
    row.fingerprint, row.original, row.operation, row.phone_number,
    row.account_id, row.site_id, row.requested_by, row.correlation_id, CAST(:now AS timestamptz), row.outcome,
    row.refusal, row.detail, CASE WHEN row.outcome = 'rejected' THEN CAST(:now AS timestamptz) END
FROM unnest(CAST(:decided AS decided_command[])) AS row
