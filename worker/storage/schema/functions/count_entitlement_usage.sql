-- Adds what a statement changed in phone_numbers to the usage of each account at its site.
--
-- It updates existing rows first, and inserts only those that are missing, which happens once in
-- the life of an account. When two transactions insert the same row, the later one adds to the
-- count of the earlier. That may lock a row out of key order for a writer that changes numbers
-- without having locked their accounts; the worker and the import lock them first. A statement that
-- changes no count touches no row: renaming a number must not wait for its account's lock.
CREATE FUNCTION count_entitlement_usage() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changes usage_change[];
    counted usage_change[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        changes := ARRAY(
            SELECT (account_id, site_id, sum(active), sum(pending))::usage_change
            FROM (
                SELECT account_id, site_id, -(status = 'ACTIVE')::integer AS active,
                    -(status = 'PENDING')::integer AS pending
                FROM old_rows
                UNION ALL
                SELECT account_id, site_id, (status = 'ACTIVE')::integer, (status = 'PENDING')::integer
                FROM new_rows
            ) AS one
            GROUP BY account_id, site_id
            HAVING sum(active) <> 0 OR sum(pending) <> 0
            ORDER BY account_id, site_id
        );
    ELSIF TG_OP = 'INSERT' THEN
        changes := ARRAY(
            SELECT (account_id, site_id, sum((status = 'ACTIVE')::integer),
                sum((status = 'PENDING')::integer))::usage_change
            FROM new_rows
            WHERE status IN ('ACTIVE', 'PENDING')
            GROUP BY account_id, site_id
            ORDER BY account_id, site_id
        );
    ELSE
        changes := ARRAY(
            SELECT (account_id, site_id, -sum((status = 'ACTIVE')::integer),
                -sum((status = 'PENDING')::integer))::usage_change
            FROM old_rows
            WHERE status IN ('ACTIVE', 'PENDING')
            GROUP BY account_id, site_id
            ORDER BY account_id, site_id
        );
    END IF;
    IF cardinality(changes) = 0 THEN
        RETURN NULL;
    END IF;

    WITH usages AS (
        UPDATE entitlement_usage AS usage
        SET active = usage.active + change.active, pending = usage.pending + change.pending
        FROM unnest(changes) AS change
        WHERE usage.account_id = change.account_id AND usage.site_id = change.site_id
        RETURNING change
    )
    SELECT array_agg(change) INTO counted FROM usages;

    IF cardinality(changes) > coalesce(cardinality(counted), 0) THEN
        INSERT INTO entitlement_usage AS usage (account_id, site_id, active, pending)
        SELECT * FROM (SELECT * FROM unnest(changes) EXCEPT SELECT * FROM unnest(counted)) AS missing
        ORDER BY account_id, site_id
        ON CONFLICT (account_id, site_id) DO UPDATE
        SET active = usage.active + excluded.active, pending = usage.pending + excluded.pending;
    END IF;
    RETURN NULL;
END $$;
