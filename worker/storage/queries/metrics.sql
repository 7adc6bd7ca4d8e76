-- Gauges, measured on request.

-- name: measure_outbox
-- Counts the unsent messages, and measures the age of the oldest that the relay could publish: that
-- was not refused, nor is behind a refused one of its subject.
SELECT
    count(*) AS messages,
    count(*) FILTER (WHERE isfinite(next_attempt_at)) AS delayed_messages,
    count(*) FILTER (WHERE next_attempt_at = 'infinity') AS parked_messages,
    coalesce(extract(epoch FROM CAST(:now AS timestamptz) - min(queued_at) FILTER (
        WHERE next_attempt_at IS NULL AND NOT (ordered AND EXISTS (
            SELECT FROM outbox AS refused
            WHERE refused.subject = outbox.subject
                AND refused.ordered AND refused.next_attempt_at IS NOT NULL
        ))
    )), 0) AS oldest_seconds
FROM outbox;

-- name: measure_dead_letters
-- Counts the dead letters that the dead-letter queue has not confirmed.
SELECT count(*) AS messages FROM dead_letters;

-- name: measure_queued_dead_letters
-- The dead letters that workers have put into the dead-letter queue, by reason.
SELECT code, letters FROM queued_dead_letters;

-- name: measure_entitlement
-- Sums up the voice services of all accounts; a series for each account would be too many for the
-- metrics store.
SELECT
    coalesce(sum(usage.active + usage.pending), 0) AS used_services,
    coalesce(sum(bought.services), 0) AS bought_services,
    coalesce(sum(greatest(bought.services - usage.active - usage.pending, 0)), 0) AS free_services,
    count(*) FILTER (
        WHERE usage.active + usage.pending > bought.services
    ) AS oversubscribed_accounts,
    count(*) FILTER (
        WHERE usage.active + usage.pending = bought.services AND bought.services > 0
    ) AS exhausted_accounts
FROM entitlement_usage AS usage
LEFT JOIN (
    SELECT account_id, site_id, sum(quantity) AS quantity
    FROM voice_services
    WHERE (starts_on IS NULL OR starts_on <= CAST(:today AS date))
        AND (ends_on IS NULL OR ends_on >= CAST(:today AS date))
    GROUP BY account_id, site_id
) AS service USING (account_id, site_id)
CROSS JOIN LATERAL (SELECT coalesce(service.quantity, 0) AS services) AS bought;

-- name: measure_operations
-- Counts the operations under way by kind.
SELECT
    operation,
    count(*) AS numbers,
    count(*) FILTER (WHERE deadline < CAST(:now AS timestamptz)) AS overdue_numbers,
    extract(epoch FROM CAST(:now AS timestamptz) - min(since)) AS oldest_seconds,
    count(failure_code) AS unresolved_numbers,
    count(*) FILTER (
        WHERE deadline < CAST(:now AS timestamptz) AND failure_code IS NULL
    ) AS unswept_numbers
FROM operations
WHERE aftermath IS NULL
GROUP BY operation;

-- name: measure_aftermaths
-- Counts the aftermaths of ended operations, and those that need an operator, by kind.
SELECT aftermath, count(*) AS numbers, count(failure_code) AS unresolved_numbers
FROM operations
WHERE aftermath IS NOT NULL
GROUP BY aftermath;

-- name: measure_steps
-- Counts the steps that a PBX was asked for and has not answered, by kind.
SELECT
    step,
    count(*) AS steps,
    extract(epoch FROM CAST(:now AS timestamptz) - min(sent_at)) AS oldest_seconds
FROM pbx_steps
WHERE ended_at IS NULL AND state = 'open' AND sent_at IS NOT NULL
GROUP BY step;

-- name: measure_rest
-- Counts the records that wait, the gaps that discarded events left, the phones that people must log
-- out, and the partitions that need an owner.
SELECT
    (SELECT count(*) FROM waiting_records) AS waiting_records,
    (
        SELECT count(*) FROM discarded_messages
        WHERE message_type = 'telephony.phone_number.status_changed.v1'
    ) AS sequence_gaps,
    (SELECT count(*) FROM manual_logouts WHERE closed_at IS NULL) AS open_manual_logouts,
    (SELECT partitions + CASE WHEN routed THEN 1 ELSE 0 END FROM partitioning) AS partitions;
