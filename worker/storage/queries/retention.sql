-- Deletes rows that are older than the history to be kept, a limited number at a time.

-- name: prune_commands
-- Deletes old commands that have ended.
DELETE FROM commands
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM commands
    WHERE received_at < CAST(:before AS timestamptz) AND ended_at IS NOT NULL
    LIMIT CAST(:maximum AS integer)
));

-- name: prune_steps
-- Deletes old steps that have ended.
DELETE FROM pbx_steps
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM pbx_steps
    WHERE requested_at < CAST(:before AS timestamptz) AND ended_at IS NOT NULL
    LIMIT CAST(:maximum AS integer)
));

-- name: prune_resolutions
-- Deletes old decisions of operators.
DELETE FROM resolutions
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM resolutions
    WHERE decided_at < CAST(:before AS timestamptz)
    LIMIT CAST(:maximum AS integer)
));

-- name: prune_manual_logouts
-- Deletes manual logouts that were closed long ago; open ones stay, however old they are.
DELETE FROM manual_logouts
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM manual_logouts
    WHERE closed_at < CAST(:before AS timestamptz)
    LIMIT CAST(:maximum AS integer)
));

-- name: prune_discarded_messages
-- Deletes messages that were discarded long ago.
DELETE FROM discarded_messages
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM discarded_messages
    WHERE discarded_at < CAST(:before AS timestamptz)
    LIMIT CAST(:maximum AS integer)
));

-- name: prune_attempts
-- Deletes counts of messages whose last attempt was long ago.
DELETE FROM poison_attempts
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM poison_attempts
    WHERE last_attempt_at < CAST(:before AS timestamptz)
    LIMIT CAST(:maximum AS integer)
));

-- name: prune_acts
-- Deletes old acts of operators, with their items.
DELETE FROM acts
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM acts
    WHERE decided_at < CAST(:before AS timestamptz)
    LIMIT CAST(:maximum AS integer)
));

-- name: prune_dead_letter_log
-- Deletes the reasons of messages that were dead-lettered long ago.
DELETE FROM dead_letter_log
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM dead_letter_log
    WHERE dead_lettered_at < CAST(:before AS timestamptz)
    LIMIT CAST(:maximum AS integer)
));

-- name: count_history
-- Counts what the statements above would delete.
SELECT 'commands' AS kind, count(*) AS rows FROM commands
WHERE received_at < CAST(:before AS timestamptz) AND ended_at IS NOT NULL
UNION ALL
SELECT 'steps', count(*) FROM pbx_steps
WHERE requested_at < CAST(:before AS timestamptz) AND ended_at IS NOT NULL
UNION ALL
SELECT 'resolutions', count(*) FROM resolutions WHERE decided_at < CAST(:before AS timestamptz)
UNION ALL
SELECT 'manual_logouts', count(*) FROM manual_logouts
WHERE closed_at < CAST(:before AS timestamptz)
UNION ALL
SELECT 'discarded_messages', count(*) FROM discarded_messages
WHERE discarded_at < CAST(:before AS timestamptz)
UNION ALL
SELECT 'attempts', count(*) FROM poison_attempts
WHERE last_attempt_at < CAST(:before AS timestamptz)
UNION ALL
SELECT 'acts', count(*) FROM acts WHERE decided_at < CAST(:before AS timestamptz)
UNION ALL
SELECT 'dead_letter_log', count(*) FROM dead_letter_log
WHERE dead_lettered_at < CAST(:before AS timestamptz);
