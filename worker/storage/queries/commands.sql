-- What a decision on a batch of commands reads and writes.

-- name: load_for_commands
-- Locks everything that decisions on these commands may read, until the transaction ends.
SELECT (usage).account_id AS holder_account, (usage).site_id AS holder_site, (usage).active,
    (usage).pending, (usage).exceeded, (usage)."limit", ledger_source, ledger_id,
    ledger_fingerprint, ledger_answer, (number).*
FROM snapshot_for_commands(
    CAST(:sources AS text[]), CAST(:command_ids AS text[]), CAST(:phone_numbers AS text[]),
    CAST(:account_ids AS text[]), CAST(:site_ids AS text[]), CAST(:today AS date)
);

-- name: load_call_targets
-- Reads the main numbers of these accounts at their sites and where their calls go, for previews.
SELECT main.account_id AS holder_account, main.site_id AS holder_site, main.main_phone_number,
    main.main_status, main.main_hunt_group_id, main.main_targets
FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[])) AS wanted (account_id, site_id)
CROSS JOIN LATERAL (
    SELECT * FROM main_number_snapshots AS known
    WHERE known.account_id = wanted.account_id AND known.site_id = wanted.site_id
    OFFSET 0
) AS main;

-- name: load_service_holders
-- Reads the first numbers that use voice services of these accounts at their sites. It reads on
-- until it has found them: no index holds the status, which each command changes.
SELECT usage.account_id AS holder_account, usage.site_id AS holder_site, service_holder.phone_number,
    service_holder.status
FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[])) AS wanted (account_id, site_id)
CROSS JOIN LATERAL (
    SELECT * FROM entitlement_usage AS known
    WHERE known.account_id = wanted.account_id AND known.site_id = wanted.site_id
    OFFSET 0
) AS usage
CROSS JOIN LATERAL (
    SELECT number.phone_number, number.status FROM phone_numbers AS number
    WHERE number.account_id = usage.account_id AND number.site_id = usage.site_id
        AND number.status IN ('ACTIVE', 'PENDING')
    ORDER BY number.phone_number
    LIMIT least(CAST(:maximum AS integer), usage.active + usage.pending)
) AS service_holder
ORDER BY service_holder.phone_number;

-- name: save_decisions
-- Saves the decisions on commands in one round trip: ledger, numbers, operations, outbox. All parts
-- see the database as it was before the statement, and no two change the same table. Returns how
-- many rows changed. A unique violation in the ledger means that another worker decided one of the
-- commands meanwhile: the whole batch is then decided again, on what that worker stored.
WITH stored_commands AS (
    INSERT INTO commands (
        source, command_id, variant, fingerprint, original, operation, phone_number, account_id,
        site_id, requested_by, correlation_id, received_at, outcome, refusal, detail, ended_at,
        answer
    )
    SELECT
        row.source, row.command_id, CASE WHEN row.original THEN '' ELSE row.fingerprint END,
        row.fingerprint, row.original, row.operation, row.phone_number, row.account_id,
        row.site_id, row.requested_by, row.correlation_id, CAST(:now AS timestamptz), row.outcome,
        row.refusal, row.detail,
        CASE WHEN row.outcome = 'rejected' THEN CAST(:now AS timestamptz) END, row.answer
    FROM unnest(CAST(:decided AS command_row[])) AS row
),
changed_numbers AS (
    UPDATE phone_numbers AS number
    SET
        status = row.status,
        sequence = row.sequence,
        label = CASE WHEN row.blank THEN NULL ELSE number.label END,
        features = CASE WHEN row.blank THEN '{}' ELSE number.features END,
        pin_is_default = row.blank OR number.pin_is_default
    FROM unnest(CAST(:numbers AS number_row[])) AS row
    WHERE number.phone_number = row.phone_number
    RETURNING number.phone_number
),
superseded_steps AS (
    -- A new operation supersedes what an earlier one left outstanding: a PBX that obeys `sequence`
    -- drops the older message.
    UPDATE pbx_steps SET ended_at = CAST(:now AS timestamptz)
    WHERE phone_number = ANY(CAST(:started_numbers AS text[])) AND ended_at IS NULL
),
started_operations AS (
    INSERT INTO operations (
        partition, phone_number, operation, command_source, command_id, fingerprint, correlation_id,
        requested_by, traceparent, tracestate, since, at_risk_at, deadline, aftermath, lane
    )
    SELECT CAST(:partition AS integer), row.*
    FROM unnest(CAST(:started AS operation_row[])) AS row
    ON CONFLICT (phone_number) DO UPDATE SET
        partition = excluded.partition,
        operation = excluded.operation,
        command_source = excluded.command_source,
        command_id = excluded.command_id,
        fingerprint = excluded.fingerprint,
        correlation_id = excluded.correlation_id,
        requested_by = excluded.requested_by,
        traceparent = excluded.traceparent,
        tracestate = excluded.tracestate,
        since = excluded.since,
        at_risk_at = excluded.at_risk_at,
        deadline = excluded.deadline,
        aftermath = excluded.aftermath,
        lane = excluded.lane,
        delayed = false,
        failure_code = NULL,
        failure_step = NULL,
        failure_detail = NULL,
        failure_pbx_code = NULL,
        due_at = NULL,
        retry_round = 1
    RETURNING phone_number
),
new_messages AS (
    INSERT INTO outbox (
        partition, subject, holds_operation, awaited, ordered, message_id, message_type, exchange,
        routing_key, correlation_id, must_be_routed, body, decided_at, queued_at, lane
    )
    SELECT
        CAST(:partition AS integer), row.subject, row.holds_operation, row.awaited, row.ordered,
        row.message_id, row.message_type, row.exchange, row.routing_key, row.correlation_id,
        row.must_be_routed, row.body, CAST(:now AS timestamptz), CAST(:now AS timestamptz),
        row.lane
    FROM unnest(CAST(:messages AS outbox_row[])) WITH ORDINALITY AS row (
        subject, holds_operation, awaited, ordered, message_id, message_type, exchange,
        routing_key, correlation_id, must_be_routed, body, lane, place
    )
    -- Positions follow the order of the decisions.
    ORDER BY row.place
)
SELECT
    (SELECT count(*) FROM changed_numbers) AS numbers,
    (SELECT count(*) FROM started_operations) AS operations;

