-- Locks and returns everything that decisions on these commands may read, in three kinds of rows:
-- the usage of each account at a site, each earlier command with the same source and id with its
-- first answer, and each number.
--
-- It locks the numbers first, then the accounts at their sites, each in key order, so that two
-- workers cannot deadlock. Under READ COMMITTED each statement in here has a new snapshot and sees
-- what the previous holder of a lock wrote. It does not see rows that were inserted while it waited
-- for a lock: if a row that was missing exists by now, it raises serialization_failure and the
-- caller starts again. Otherwise a decision could see one part of an import without the other.
CREATE FUNCTION snapshot_for_commands(
    sources text[], command_ids text[], phone_numbers text[], account_ids text[], site_ids text[],
    today date
)
RETURNS TABLE (
    usage usage_snapshot, ledger_source text, ledger_id text, ledger_fingerprint text,
    ledger_answer bytea, number number_snapshot
)
LANGUAGE plpgsql AS $$
DECLARE
    numbers phone_numbers[] := locked_numbers(snapshot_for_commands.phone_numbers);
    usages entitlement_usage[];
BEGIN
    usages := ARRAY(
        SELECT locked FROM entitlement_usage AS locked
        WHERE (locked.account_id, locked.site_id) IN (SELECT * FROM unnest(account_ids, site_ids))
        ORDER BY locked.account_id, locked.site_id
        FOR UPDATE
    );
    IF cardinality(numbers) < cardinality(snapshot_for_commands.phone_numbers)
        OR cardinality(usages) < cardinality(snapshot_for_commands.account_ids)
    THEN
        IF EXISTS (
            SELECT FROM (
                SELECT unnest(snapshot_for_commands.phone_numbers)
                EXCEPT SELECT locked.phone_number FROM unnest(numbers) AS locked
            ) AS missed (phone_number)
            CROSS JOIN LATERAL (
                SELECT FROM phone_numbers AS added
                WHERE added.phone_number = missed.phone_number
                OFFSET 0
            ) AS added
        ) OR EXISTS (
            SELECT FROM (
                SELECT * FROM unnest(account_ids, site_ids)
                EXCEPT SELECT locked.account_id, locked.site_id FROM unnest(usages) AS locked
            ) AS missed (account_id, site_id)
            CROSS JOIN LATERAL (
                SELECT FROM entitlement_usage AS added
                WHERE added.account_id = missed.account_id AND added.site_id = missed.site_id
                OFFSET 0
            ) AS added
        ) THEN
            RAISE EXCEPTION 'a missing number or account was added meanwhile' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;

    RETURN QUERY
    SELECT known, NULL, NULL, NULL, NULL::bytea, NULL::number_snapshot
    FROM usage_snapshots(usages, today) AS known;

    RETURN QUERY
    SELECT NULL::usage_snapshot, earlier.*, NULL::number_snapshot
    FROM unnest(sources, command_ids) AS wanted (source, command_id)
    CROSS JOIN LATERAL (
        SELECT commands.source, commands.command_id, commands.fingerprint, commands.answer
        FROM commands
        WHERE commands.source = wanted.source AND commands.command_id = wanted.command_id
        OFFSET 0
    ) AS earlier;

    RETURN QUERY
    SELECT NULL::usage_snapshot, NULL, NULL, NULL, NULL::bytea, known
    FROM number_snapshots(numbers) AS known;
END $$;
