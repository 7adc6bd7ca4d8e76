-- Snapshots: numbers as they were at one moment, for reports.

-- name: open_snapshot
-- Opens a cursor over the numbers of a snapshot, in their order, each with the operation under way
-- and its steps, and with how many numbers there are. COMMIT stores its rows: it outlives its
-- transaction, and a slow reader holds no transaction open.
DECLARE snapshot NO SCROLL CURSOR WITH HOLD FOR
SELECT
    number.phone_number, number.account_id, number.site_id, number.extension, number.status,
    number.sequence, number.main_number, number.assigned_to IS NOT NULL AS assigned,
    operation.operation, operation.command_id, operation.since, operation.deadline,
    CASE WHEN operation.phone_number IS NOT NULL THEN ARRAY(
        SELECT awaited FROM step_snapshots AS awaited
        WHERE awaited.phone_number = number.phone_number
        ORDER BY awaited.place
    ) END AS steps,
    count(*) OVER () AS numbers
FROM phone_numbers AS number
LEFT JOIN operations AS operation
    ON operation.phone_number = number.phone_number AND operation.aftermath IS NULL
WHERE (CAST(:phone_number AS text) IS NULL OR number.phone_number = CAST(:phone_number AS text))
    AND (CAST(:account_id AS text) IS NULL OR number.account_id = CAST(:account_id AS text))
    AND (CAST(:site_id AS text) IS NULL OR number.site_id = CAST(:site_id AS text))
ORDER BY number.phone_number;

-- name: snapshot_moment
-- Reads the moment of a snapshot: what was committed before it is in the snapshot.
SELECT now() AS as_of;

-- name: snapshot_usage
-- Reads the usage and the entitlement of an account at a site.
SELECT * FROM usage_snapshots(ARRAY(
    SELECT known FROM entitlement_usage AS known
    WHERE known.account_id = CAST(:account_id AS text) AND known.site_id = CAST(:site_id AS text)
), CAST(:today AS date));

-- name: fetch_snapshot
-- Reads the next numbers of the snapshot, as many as a page holds.
FETCH FORWARD 100 FROM snapshot;
