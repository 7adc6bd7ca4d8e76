-- Messages on their way to the broker.

-- name: load_messages
-- Reads the partition's next messages: those that people wait for, and apart from them the deferred
-- ones, each kind in the order of the decisions. If one message of a subject is deferred, all are:
-- each subject keeps its order, wherever the limits cut. Leaves out those behind a delayed message of the same
-- subject. It never remembers a position: a transaction that took a lower one may commit later.
WITH due AS NOT MATERIALIZED (
    SELECT *, lane > 0 OR EXISTS (
        SELECT FROM outbox AS other WHERE other.subject = outbox.subject AND other.lane > 0
    ) AS deferred
    FROM outbox
    WHERE partition = CAST(:partition AS integer) AND CASE
        WHEN ordered THEN NOT EXISTS (
            SELECT FROM outbox AS delayed
            WHERE delayed.subject = outbox.subject
                AND delayed.ordered AND delayed.next_attempt_at > CAST(:now AS timestamptz)
        )
        ELSE next_attempt_at IS NULL OR next_attempt_at <= CAST(:now AS timestamptz)
    END
)
(
    SELECT position, subject, message_id, message_type, exchange, routing_key, correlation_id,
        must_be_routed, holds_operation, awaited, ordered, body, decided_at, queued_at, attempts,
        lane, deferred
    FROM due WHERE NOT deferred ORDER BY position LIMIT CAST(:maximum AS integer)
)
UNION ALL
(
    SELECT position, subject, message_id, message_type, exchange, routing_key, correlation_id,
        must_be_routed, holds_operation, awaited, ordered, body, decided_at, queued_at, attempts,
        lane, deferred
    FROM due WHERE deferred ORDER BY position LIMIT CAST(:maximum AS integer)
);

-- name: put_messages
-- Puts messages that no operation waits for into the outboxes of their partitions.
INSERT INTO outbox (
    partition, subject, holds_operation, awaited, ordered, message_id, message_type, exchange,
    routing_key, correlation_id, must_be_routed, body, decided_at, queued_at, lane
)
SELECT
    row.partition, row.subject, row.holds_operation, row.awaited, row.ordered, row.message_id,
    row.message_type, row.exchange, row.routing_key, row.correlation_id, row.must_be_routed,
    row.body, CAST(:now AS timestamptz), CAST(:now AS timestamptz), row.lane
FROM ROWS FROM (
    unnest(CAST(:messages AS outbox_row[])), unnest(CAST(:partitions AS integer[]))
) WITH ORDINALITY AS row (
    subject, holds_operation, awaited, ordered, message_id, message_type, exchange,
    routing_key, correlation_id, must_be_routed, body, lane, partition, place
)
ORDER BY row.place;

-- name: delete_messages
-- Deletes messages that the broker has confirmed.
DELETE FROM outbox
WHERE partition = CAST(:partition AS integer) AND position = ANY(CAST(:confirmed AS bigint[]));

-- name: postpone_messages
-- Records why the broker refused messages and when to try again; without a next attempt they are
-- parked until an operator decides.
UPDATE outbox
SET attempts = attempts + 1,
    next_attempt_at = coalesce(row.next_attempt_at, 'infinity'),
    last_error = row.last_error
FROM unnest(
    CAST(:position AS bigint[]), CAST(:next_attempt_at AS timestamptz[]),
    CAST(:last_error AS text[])
) AS row (position, next_attempt_at, last_error)
WHERE outbox.partition = CAST(:partition AS integer) AND outbox.position = row.position;

-- name: show_outbox
-- Lists refused messages, the oldest first: parked, or waiting for the next attempt.
SELECT position, subject, message_id, message_type, exchange, routing_key, decided_at,
    attempts, last_error, next_attempt_at = 'infinity' AS parked,
    CASE WHEN isfinite(next_attempt_at) THEN next_attempt_at END AS next_attempt_at
FROM outbox
WHERE next_attempt_at IS NOT NULL
ORDER BY position
LIMIT CAST(:maximum AS integer);

-- name: find_undelivered
-- Finds which of these positions are those of refused messages.
SELECT position FROM outbox
WHERE position = ANY(CAST(:positions AS bigint[])) AND next_attempt_at IS NOT NULL;

-- name: retry_messages
-- Makes refused messages due at once: these, or all of them (null).
UPDATE outbox SET next_attempt_at = NULL, attempts = 0, queued_at = CAST(:now AS timestamptz)
WHERE next_attempt_at IS NOT NULL
    AND (CAST(:positions AS bigint[]) IS NULL OR position = ANY(CAST(:positions AS bigint[])))
RETURNING position, subject, message_id, message_type;

-- name: discard_messages
-- Moves parked messages out of the outbox, with the operator and the reason, and makes what waited
-- behind them, and their operations, due at once. Under the locks of the numbers: a transaction that
-- computes meanwhile when an operation is due must not have the last word.
WITH locked AS MATERIALIZED (
    SELECT phone_number FROM phone_numbers
    WHERE phone_number IN (
        SELECT subject FROM outbox WHERE position = ANY(CAST(:positions AS bigint[]))
    )
    ORDER BY phone_number
    FOR UPDATE
),
discarded AS (
    DELETE FROM outbox
    WHERE position = ANY(CAST(:positions AS bigint[])) AND next_attempt_at = 'infinity'
        AND (SELECT count(*) FROM locked) >= 0 -- after the locks
    RETURNING *
),
freed AS (
    UPDATE outbox SET next_attempt_at = NULL
    WHERE isfinite(next_attempt_at) AND subject IN (SELECT subject FROM discarded)
),
due AS (
    UPDATE operations SET due_at = CAST(:due_at AS timestamptz)
    WHERE phone_number IN (SELECT subject FROM discarded)
)
INSERT INTO discarded_messages (
    position, subject, message_id, message_type, exchange, routing_key, body, last_error,
    discarded_at, discarded_by, reason
)
SELECT position, subject, message_id, message_type, exchange, routing_key, body, last_error,
    CAST(:now AS timestamptz), CAST(:discarded_by AS text), CAST(:reason AS text)
FROM discarded
RETURNING position, subject, message_id, message_type;

-- name: drop_unsent
-- Deletes the unsent PBX requests of an operation, or of an aftermath, that an operator completed by
-- hand or gave up; events stay.
DELETE FROM outbox
WHERE subject = :phone_number AND (holds_operation OR awaited)
    AND exchange = 'telephony.pbx';
