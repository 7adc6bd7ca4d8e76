-- Steps of operations.

-- name: open_steps
-- Stores the steps whose results are awaited from now on, in the order in which they are
-- requested.
INSERT INTO pbx_steps (
    step_id, phone_number, command_source, command_id, step, state, attempt,
    attempts_maximum, requested_at, message_type, exchange, routing_key, correlation_id,
    must_be_routed, body
)
SELECT
    row.step_id, row.phone_number, row.command_source, row.command_id, row.step, 'open', 1,
    row.attempts_maximum, CAST(:now AS timestamptz), row.message_type, row.exchange,
    row.routing_key, row.correlation_id, row.must_be_routed, row.body
FROM unnest(
    CAST(:step_id AS text[]), CAST(:phone_number AS text[]), CAST(:command_source AS text[]),
    CAST(:command_id AS text[]), CAST(:step AS text[]), CAST(:attempts_maximum AS integer[]),
    CAST(:message_type AS text[]), CAST(:exchange AS text[]), CAST(:routing_key AS text[]),
    CAST(:correlation_id AS text[]), CAST(:must_be_routed AS boolean[]), CAST(:body AS bytea[])
) WITH ORDINALITY AS row (
    step_id, phone_number, command_source, command_id, step, attempts_maximum,
    message_type, exchange, routing_key, correlation_id, must_be_routed, body, place
)
ORDER BY row.place;

-- name: find_steps
-- Finds the numbers to which these steps belong.
SELECT DISTINCT phone_number
FROM pbx_steps
WHERE step_id = ANY(CAST(:step_ids AS text[]));

-- name: load_steps
-- Reads what the operations of these numbers wait for, in the order of the requests; messages with
-- the positions `confirmed` count as sent.
SELECT * FROM step_snapshots
WHERE phone_number = ANY(CAST(:phone_numbers AS text[]))
    AND NOT (waits_for = 'confirm' AND place = ANY(CAST(:confirmed AS bigint[])))
ORDER BY place;

-- name: write_steps
-- Updates steps after a confirm, a result, a retry or an operator's decision.
UPDATE pbx_steps AS step
SET state = row.state, attempt = row.attempt, attempts_maximum = row.attempts_maximum,
    sent_at = row.sent_at, again_at = row.again_at, silent_at = row.silent_at,
    failure_code = row.failure_code, failure_detail = row.failure_detail,
    failure_pbx_code = row.failure_pbx_code, last_result = row.last_result, answers = row.answers
FROM unnest(
    CAST(:step_id AS text[]), CAST(:state AS text[]), CAST(:attempt AS integer[]),
    CAST(:attempts_maximum AS integer[]), CAST(:sent_at AS timestamptz[]),
    CAST(:again_at AS timestamptz[]), CAST(:silent_at AS timestamptz[]),
    CAST(:failure_code AS text[]), CAST(:failure_detail AS text[]),
    CAST(:failure_pbx_code AS text[]), CAST(:last_result AS text[]), CAST(:answers AS text[])
) AS row (
    step_id, state, attempt, attempts_maximum, sent_at, again_at, silent_at, failure_code,
    failure_detail, failure_pbx_code, last_result, answers
)
WHERE step.step_id = row.step_id;

-- name: send_steps_again
-- Puts the messages of these steps into the outbox once more, under the same ids.
INSERT INTO outbox (
    partition, subject, holds_operation, awaited, message_id, message_type, exchange, routing_key,
    correlation_id, must_be_routed, body, decided_at, queued_at, lane
)
SELECT
    CAST(:partition AS integer), step.phone_number, number.status = 'PENDING', true, step.step_id,
    step.message_type, step.exchange, step.routing_key, step.correlation_id, step.must_be_routed,
    step.body, step.requested_at, CAST(:now AS timestamptz),
    coalesce((SELECT lane FROM operations WHERE phone_number = step.phone_number), 0)
FROM pbx_steps AS step
JOIN phone_numbers AS number USING (phone_number)
WHERE step.step_id = ANY(CAST(:step_ids AS text[]))
ORDER BY step.place;

-- name: release_steps
-- Completes steps whose results the configuration does not await any more, under the locks of their
-- numbers, so that a result whose transaction is open is counted first.
WITH locked AS (
    SELECT phone_number FROM phone_numbers
    WHERE phone_number IN (
        SELECT phone_number FROM pbx_steps
        WHERE ended_at IS NULL AND state <> 'done'
            AND step <> ALL(CAST(:awaited_steps AS text[]))
    )
    ORDER BY phone_number
    FOR UPDATE
),
released AS (
    UPDATE pbx_steps
    SET state = 'done', again_at = NULL, silent_at = NULL,
        last_result = 'no longer awaited by the configuration'
    WHERE phone_number IN (SELECT phone_number FROM locked)
        AND ended_at IS NULL AND state <> 'done' AND step <> ALL(CAST(:awaited_steps AS text[]))
)
UPDATE operations SET due_at = CAST(:due_at AS timestamptz)
WHERE phone_number IN (SELECT phone_number FROM locked);
