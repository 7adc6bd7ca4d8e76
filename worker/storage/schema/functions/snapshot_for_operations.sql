-- Locks and returns everything that decisions on these numbers' operations may read, in two kinds
-- of rows: the usage of each account at a site, with its main number and where that number's calls
-- go, and each number.
--
-- Messages with the positions `confirmed` count as sent: the transaction deletes them when it saves
-- what follows. It locks in the same order as snapshot_for_commands.
CREATE FUNCTION snapshot_for_operations(
    phone_numbers text[], confirmed bigint[], today date
)
RETURNS TABLE (
    usage usage_snapshot,
    main_phone_number text, main_status text, main_hunt_group_id text, main_targets text[],
    has_steps boolean, number number_snapshot
)
LANGUAGE plpgsql AS $$
DECLARE
    numbers phone_numbers[] := locked_numbers(snapshot_for_operations.phone_numbers);
    usages entitlement_usage[];
BEGIN
    usages := ARRAY(
        SELECT locked FROM entitlement_usage AS locked
        WHERE (locked.account_id, locked.site_id) IN (
            SELECT holder.account_id, holder.site_id FROM unnest(numbers) AS holder
        )
        ORDER BY locked.account_id, locked.site_id
        FOR UPDATE
    );

    RETURN QUERY
    SELECT known, main.*, NULL::boolean, NULL::number_snapshot
    FROM usage_snapshots(usages, today) AS known
    LEFT JOIN LATERAL (
        SELECT held.main_phone_number, held.main_status, held.main_hunt_group_id, held.main_targets
        FROM main_number_snapshots AS held
        WHERE held.account_id = known.account_id AND held.site_id = known.site_id
        OFFSET 0
    ) AS main ON true;

    RETURN QUERY
    SELECT
        NULL::usage_snapshot, NULL, NULL, NULL, NULL::text[],
        (
            SELECT count(*) FROM step_snapshots AS step
            WHERE step.phone_number = known.phone_number
                AND NOT (step.waits_for = 'confirm' AND step.place = ANY(confirmed))
        ) > 0,
        known
    FROM number_snapshots(numbers) AS known;
END $$;
