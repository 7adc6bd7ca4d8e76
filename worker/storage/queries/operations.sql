-- Operations under way and aftermaths: what a decision on their progress reads and writes.

-- name: find_due
-- Finds the partition's operations that are due, the longest due first.
SELECT phone_number
FROM operations
WHERE partition = CAST(:partition AS integer) AND due_at <= CAST(:now AS timestamptz)
    -- Nothing follows for a number that was deleted: it must not take the place of others.
    AND EXISTS (SELECT FROM phone_numbers AS n WHERE n.phone_number = operations.phone_number)
ORDER BY due_at, phone_number
LIMIT CAST(:maximum AS integer);

-- name: load_for_advance
-- Locks everything that decisions on the progress of these numbers' operations may read; messages
-- with the positions `confirmed` count as sent.
SELECT (usage).account_id AS holder_account, (usage).site_id AS holder_site, (usage).active,
    (usage).pending, (usage).exceeded, (usage)."limit", main_phone_number, main_status, main_hunt_group_id,
    main_targets, has_steps, (number).*
FROM snapshot_for_operations(
    CAST(:phone_numbers AS text[]), CAST(:confirmed AS bigint[]), CAST(:today AS date)
);

-- name: lock_numbers
-- Locks the numbers in key order, so that two transactions cannot deadlock.
SELECT 1
FROM phone_numbers
WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
ORDER BY phone_number
FOR UPDATE;

-- name: load_numbers
-- Reads everything about these numbers that a decision may read, without a lock.
SELECT known.*
FROM (
    SELECT array_agg(number) AS numbers
    FROM phone_numbers AS number
    WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
) AS found
CROSS JOIN LATERAL number_snapshots(found.numbers) AS known;

-- name: save_advances
-- Saves how operations ended in one round trip: numbers, steps, ledger, operations, outbox. Deletes
-- the messages that the broker has confirmed. All parts see the database as it was before the
-- statement, and no two change the same row. Returns how many rows changed.
WITH changed_numbers AS (
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
ended_steps AS (
    UPDATE pbx_steps SET ended_at = CAST(:now AS timestamptz)
    WHERE phone_number = ANY(CAST(:ended_numbers AS text[])) AND ended_at IS NULL
),
closed_commands AS (
    -- A row without an outcome had ended before, and was cleaned up only.
    UPDATE commands
    SET outcome = row.outcome, failure = row.failure, detail = row.detail,
        ended_at = CAST(:now AS timestamptz)
    FROM unnest(CAST(:ended AS operation_end_row[])) AS row
    JOIN operations AS ended USING (phone_number)
    WHERE commands.source = ended.command_source
        AND commands.command_id = ended.command_id
        AND commands.fingerprint = ended.fingerprint
        AND row.outcome IS NOT NULL
),
ended_operations AS (
    DELETE FROM operations WHERE phone_number = ANY(CAST(:ended_numbers AS text[]))
    RETURNING phone_number
),
confirmed_messages AS (
    DELETE FROM outbox
    WHERE partition = CAST(:partition AS integer) AND position = ANY(CAST(:confirmed AS bigint[]))
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
        coalesce((SELECT lane FROM operations WHERE phone_number = row.subject), 0)
    FROM unnest(CAST(:messages AS outbox_row[])) WITH ORDINALITY AS row (
        subject, holds_operation, awaited, ordered, message_id, message_type, exchange,
        routing_key, correlation_id, must_be_routed, body, lane, place
    )
    -- Positions follow the order of the decisions.
    ORDER BY row.place
)
SELECT
    (SELECT count(*) FROM changed_numbers) AS numbers,
    (SELECT count(*) FROM ended_operations) AS operations;

-- name: withdraw_repeats
-- Deletes the unsent messages that repeat a request of these operations, which have ended.
DELETE FROM outbox
WHERE subject = ANY(CAST(:phone_numbers AS text[])) AND awaited
    AND message_id IN (
        SELECT step_id FROM pbx_steps
        WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
            AND ended_at IS NULL AND sent_at IS NOT NULL
    );

-- name: keep_status_events
-- Turns unsent PENDING events of these operations, which have ended, from requests into news of the
-- past, due at once: without them a sequence would be missing. They keep their place, before the
-- news of the end, so that a PBX which sees them sees next that the number is RESERVED again.
UPDATE outbox
SET holds_operation = false, awaited = false, must_be_routed = false, next_attempt_at = NULL,
    attempts = 0, queued_at = CAST(:now AS timestamptz)
WHERE subject = ANY(CAST(:phone_numbers AS text[])) AND holds_operation
    AND exchange = 'telephony.events';

-- name: begin_operations
-- Starts the operations that follow an end on the same number, after that end was saved.
WITH superseded_steps AS (
    -- A new operation supersedes what an earlier one left outstanding: a PBX that obeys `sequence`
    -- drops the older message.
    UPDATE pbx_steps SET ended_at = CAST(:now AS timestamptz)
    WHERE phone_number = ANY(CAST(:started_numbers AS text[])) AND ended_at IS NULL
)
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
    retry_round = 1;

-- name: change_operations
-- Updates operations that continue, after news or an operator's decision.
UPDATE operations
SET at_risk_at = row.at_risk_at, deadline = row.deadline, due_at = row.due_at,
    delayed = row.delayed,
    failure_code = row.failure_code, failure_step = row.failure_step,
    failure_detail = row.failure_detail, failure_pbx_code = row.failure_pbx_code,
    retry_round = row.retry_round
FROM unnest(
    CAST(:phone_number AS text[]), CAST(:at_risk_at AS timestamptz[]),
    CAST(:deadline AS timestamptz[]), CAST(:due_at AS timestamptz[]), CAST(:delayed AS boolean[]),
    CAST(:failure_code AS text[]), CAST(:failure_step AS text[]), CAST(:failure_detail AS text[]),
    CAST(:failure_pbx_code AS text[]), CAST(:retry_round AS integer[])
) AS row (
    phone_number, at_risk_at, deadline, due_at, delayed, failure_code, failure_step,
    failure_detail, failure_pbx_code, retry_round
)
WHERE operations.phone_number = row.phone_number;

-- name: join_hunt_groups
-- Adds members to hunt groups; a member that was added by hand before stays one.
INSERT INTO hunt_group_members (phone_number, hunt_group_id)
SELECT * FROM unnest(CAST(:phone_number AS text[]), CAST(:hunt_group_id AS text[]))
ON CONFLICT DO NOTHING;

-- name: clear_numbers
-- Deletes what a completed deactivation takes away for good, call settings of a main number
-- included.
WITH memberships AS (
    DELETE FROM hunt_group_members WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
),
settings AS (
    DELETE FROM call_settings WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
)
DELETE FROM handset_logins WHERE phone_number = ANY(CAST(:phone_numbers AS text[]));
