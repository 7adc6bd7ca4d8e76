-- Revision 0003: what people decided, and the switch of the intake. It only adds.

-- The acts of operators: who decided what, when and why.
CREATE TABLE acts (
    -- The order in which they were recorded.
    place      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    decided_at timestamptz NOT NULL,
    act        text NOT NULL CHECK (act IN (
        'resolve', 'close-manual-logout', 'retry-message', 'discard-message', 'replay-dead-letter',
        'discard-dead-letter', 'pause', 'resume', 'retention'
    )),
    decided_by text NOT NULL,
    reason     text NOT NULL,
    -- What else was chosen, for people.
    detail     text
);
-- Rows arrive in the order of time.
CREATE INDEX acts_by_time ON acts USING brin (decided_at);

-- What an act was done to, one row each: an operation, a message, a dead letter, a device.
CREATE TABLE act_items (
    place   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    act     bigint NOT NULL REFERENCES acts ON DELETE CASCADE,
    -- The number, or the account at a site, that it concerns; NULL if that is not known.
    subject text,
    -- The id of the command or the message, the key of the dead letter, or the device.
    item    text NOT NULL,
    detail  text
);
CREATE INDEX act_items_of_act ON act_items (act);
CREATE INDEX act_items_of_subject ON act_items (subject, place);

-- One row: since when, by whom and why commands are not taken; NULL while they are.
CREATE TABLE intake (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    paused_at timestamptz,
    paused_by text,
    reason    text,
    CONSTRAINT paused_by_someone_for_a_reason
        CHECK (num_nulls(paused_at, paused_by, reason) IN (0, 3))
);
INSERT INTO intake DEFAULT VALUES;
