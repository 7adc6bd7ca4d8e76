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
FROM unnest(
    CAST(:ledger_source AS text[]), CAST(:ledger_command_id AS text[]), CAST(:ledger_fingerprint AS text[]),
    CAST(:ledger_original AS boolean[]), CAST(:ledger_operation AS text[]), CAST(:ledger_phone_number AS text[]),
    CAST(:ledger_account_id AS text[]), CAST(:ledger_site_id AS text[]), CAST(:ledger_requested_by AS text[]),
    CAST(:ledger_correlation_id AS text[]), CAST(:ledger_outcome AS text[]), CAST(:ledger_refusal AS text[]),
    CAST(:ledger_detail AS text[])
) AS row (
    source, command_id, fingerprint, original, operation, phone_number, account_id, site_id,
    requested_by, correlation_id, outcome, refusal, detail
)
