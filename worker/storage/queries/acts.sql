-- What operators decided, and the switch of the intake, which `load_partitioning` reads.

-- name: begin_act
-- Records an act of an operator.
INSERT INTO acts (decided_at, act, decided_by, reason, detail)
VALUES (CAST(:decided_at AS timestamptz), :act, :decided_by, :reason, :detail)
RETURNING place;

-- name: record_items
-- Records what the act was done to.
INSERT INTO act_items (act, subject, item, detail)
SELECT CAST(:act AS bigint), row.subject, row.item, row.detail
FROM unnest(CAST(:subjects AS text[]), CAST(:items AS text[]), CAST(:details AS text[]))
    WITH ORDINALITY AS row (subject, item, detail, place)
ORDER BY row.place;

-- name: list_acts
-- Lists the acts behind a place, the oldest first, each with how many items it was done to, the
-- subjects of the first of them, and their details.
SELECT act.place, act.decided_at, act.act, act.decided_by, act.reason, act.detail,
    (SELECT count(*) FROM act_items AS item WHERE item.act = act.place) AS items,
    ARRAY(
        SELECT concat_ws(' ', item.subject, item.item, item.detail) FROM act_items AS item
        WHERE item.act = act.place ORDER BY item.place LIMIT CAST(:items_maximum AS integer)
    ) AS first_items
FROM acts AS act
WHERE act.place > CAST(:after AS bigint)
ORDER BY act.place
LIMIT CAST(:maximum AS integer);

-- name: pause_intake
-- Pauses the intake, unless it is paused.
UPDATE intake SET paused_at = CAST(:now AS timestamptz), paused_by = :paused_by, reason = :reason
WHERE paused_at IS NULL;

-- name: resume_intake
-- Ends a pause of the intake.
UPDATE intake SET paused_at = NULL, paused_by = NULL, reason = NULL WHERE paused_at IS NOT NULL;
