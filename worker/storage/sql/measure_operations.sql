-- The operations under way, by what they do.
SELECT
    operation,
    count(*) AS numbers,
    count(*) FILTER (WHERE deadline < CAST(:now AS timestamptz)) AS overdue_numbers,
    extract(epoch FROM CAST(:now AS timestamptz) - min(since)) AS oldest_seconds
FROM operations
GROUP BY operation
