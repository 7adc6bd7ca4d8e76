-- Who leads ------------------------------------------------------------------------------------

-- One row for each lane. Each lead has a term of its own; every transaction of a leader shares a
-- lock on its row and looks at the term: what a former leader still had under way is over before
-- the next one begins, and what it does afterwards is refused.
CREATE TABLE leadership (
    lane      integer PRIMARY KEY,
    term      bigint NOT NULL,
    gained_at timestamptz
);
INSERT INTO leadership (lane, term) VALUES (0, 0);

-- Messages that were being handled when a worker died ------------------------------------------

-- The broker's own count cannot be used: it counts every message that a dying worker held, and
-- differently in each series of RabbitMQ.
CREATE TABLE suspects (
    queue           text NOT NULL,
    digest          bytea NOT NULL,
    attempts        integer NOT NULL,
    last_attempt_at timestamptz NOT NULL,
    PRIMARY KEY (queue, digest)
);

-- Messages that can never be sent --------------------------------------------------------------

-- One that is parked stays in the outbox with next_attempt_at = infinity, and so holds back its
-- number's later ones, until a person decides. What a person discards is kept here.
CREATE TABLE discarded_messages (
    position      bigint PRIMARY KEY,
    phone_number  text NOT NULL,
    message_id    text NOT NULL,
    message_type  text NOT NULL,
    exchange      text NOT NULL,
    routing_key   text NOT NULL,
    body          bytea NOT NULL,
    last_error    text,
    discarded_at  timestamptz NOT NULL,
    discarded_by  text NOT NULL,
    reason        text NOT NULL
);

-- What is old ----------------------------------------------------------------------------------

-- Rows arrive in the order of time: a few pages of index instead of an entry for each command.
CREATE INDEX commands_by_time ON commands USING brin (received_at);
CREATE INDEX pbx_operations_by_time ON pbx_operations USING brin (asked_at);

-- What waits to be said ------------------------------------------------------------------------

-- Since when it waits: a step that is asked for again keeps the time of its decision.
ALTER TABLE outbox ADD COLUMN queued_at timestamptz;
UPDATE outbox SET queued_at = decided_at;
ALTER TABLE outbox ALTER COLUMN queued_at SET NOT NULL;
