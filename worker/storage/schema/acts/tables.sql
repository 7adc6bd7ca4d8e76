-- Revision 0003: what people decided, and the switch of the intake. It only adds.

-- The acts of operators: who decided what, when and why.
CREATE TABLE acts (
    -- The order in which they were recorded.
    place      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    decided_at timestamptz NOT NULL,
    act        text NOT NULL CHECK (act IN (
        'resolve', 'close-manual-logout', 'retry-message', 'discard-message', 'replay-dead-letter',
        'discard-dead-letter', 'pause', 'resume', 'retention', 'import'
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

-- What happened to the steps whose PBX results are awaited, for people. Only a trigger writes it.
CREATE TABLE step_events (
    step_id      text NOT NULL REFERENCES pbx_steps ON DELETE CASCADE,
    place        bigint GENERATED ALWAYS AS IDENTITY,
    phone_number text NOT NULL,
    happened_at  timestamptz NOT NULL,
    event        text NOT NULL CHECK (event IN ('result', 'asked-again')),
    detail       text,
    PRIMARY KEY (step_id, place)
);
CREATE INDEX step_events_of_number ON step_events (phone_number, place);

-- The messages that workers have dead-lettered, for people: their reasons outlive their place in the
-- dead-letter queue, which cannot be read without moving them.
CREATE TABLE dead_letter_log (
    place            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dead_lettered_at timestamptz NOT NULL,
    code             text NOT NULL,
    detail           text NOT NULL,
    queue            text NOT NULL,
    -- NULL where it could not be read.
    message_id       text,
    phone_number     text
);
CREATE INDEX dead_letter_log_of_number ON dead_letter_log (phone_number, place)
    WHERE phone_number IS NOT NULL;
CREATE INDEX dead_letter_log_by_time ON dead_letter_log USING brin (dead_lettered_at);
