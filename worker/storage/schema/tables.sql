-- Tables, their indexes and the rows that must exist from the start.
--
-- Sets of values are text with CHECK, not ENUM types: an ENUM costs the driver a slow introspection
-- in each session, and its values are hard to change.

-- Releases -----------------------------------------------------------------------------------------

-- One row: the oldest revision whose release may still run on this schema. A migration that takes
-- away what an older release uses raises it; one that only adds does not.
CREATE TABLE schema_compatibility (
    only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    oldest_revision text NOT NULL
);
INSERT INTO schema_compatibility (oldest_revision) VALUES ('0001');

-- The directory: records that the platform owns ---------------------------------------------------

-- The voice services that an account has bought at a site: its entitlement.
CREATE TABLE voice_services (
    service_id   text PRIMARY KEY,
    account_id   text NOT NULL,
    account_kind text NOT NULL CHECK (account_kind IN ('operator', 'occupier')),
    site_id      text NOT NULL,
    quantity     integer NOT NULL CHECK (quantity >= 0),
    starts_on    date,
    ends_on      date,
    CHECK (starts_on <= ends_on)
);
-- Covers all that a decision reads of a service: an index-only scan.
CREATE INDEX voice_services_of_account_at_site ON voice_services (account_id, site_id)
    INCLUDE (quantity, starts_on, ends_on);

CREATE TABLE phone_numbers (
    phone_number   text PRIMARY KEY CHECK (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
    site_id        text NOT NULL,
    account_id     text,
    extension      text,
    status         text NOT NULL
        CHECK (status IN ('AVAILABLE', 'RESERVED', 'PENDING', 'ACTIVE', 'COOLDOWN')),
    -- Rises by one with every change of the status.
    sequence       bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    main_number    boolean NOT NULL DEFAULT false,
    assigned_to    text,
    label          text,
    -- Names only: the worker does not store what a feature is set to (a forwarding target, a code).
    features       text[] NOT NULL DEFAULT '{}',
    pin_is_default boolean NOT NULL DEFAULT true,
    CONSTRAINT status_fits_account CHECK (
        CASE status
            WHEN 'AVAILABLE' THEN account_id IS NULL
            WHEN 'COOLDOWN' THEN true
            ELSE account_id IS NOT NULL
        END
    ),
    CONSTRAINT main_number_is_unassigned CHECK (NOT (main_number AND assigned_to IS NOT NULL))
)
-- Every command updates its number twice, and no index holds a column that changes. With free space
-- on the page both updates are heap-only (HOT).
WITH (fillfactor = 70);
CREATE UNIQUE INDEX one_main_number ON phone_numbers (account_id, site_id) WHERE main_number;
-- For reports, and for the numbers that hold an account's services. No command changes these columns.
CREATE INDEX numbers_of_account ON phone_numbers (account_id, site_id, phone_number);
CREATE INDEX numbers_of_site ON phone_numbers (site_id);

-- Where the calls of a main number go.
CREATE TABLE call_settings (
    phone_number  text PRIMARY KEY REFERENCES phone_numbers ON DELETE CASCADE,
    hunt_group_id text,
    in_hours      text NOT NULL,
    out_of_hours  text NOT NULL,
    unanswered    text NOT NULL
);

CREATE TABLE hunt_group_members (
    phone_number  text NOT NULL REFERENCES phone_numbers ON DELETE CASCADE,
    hunt_group_id text NOT NULL,
    PRIMARY KEY (phone_number, hunt_group_id)
);
CREATE INDEX hunt_group_members_of_group ON hunt_group_members (hunt_group_id);

CREATE TABLE handset_logins (
    phone_number text NOT NULL REFERENCES phone_numbers ON DELETE CASCADE,
    device_id    text NOT NULL,
    device_kind  text NOT NULL CHECK (device_kind IN ('digital', 'analogue', 'softphone')),
    PRIMARY KEY (phone_number, device_id)
);

-- The version of each record that was applied last, by directory message. Rows outlive their records:
-- a deletion is remembered, so that an older message cannot bring the record back.
CREATE TABLE record_versions (
    kind       text NOT NULL CHECK (kind IN (
        'voice_service', 'phone_number', 'call_settings', 'hunt_group_member', 'handset_login'
    )),
    -- The key of the record, as a JSON array.
    record_key text NOT NULL,
    version    bigint NOT NULL,
    PRIMARY KEY (kind, record_key)
);

-- The sequence of each number that was deleted: it goes on if the number is provisioned again.
CREATE TABLE deleted_numbers (
    phone_number text PRIMARY KEY,
    sequence     bigint NOT NULL CHECK (sequence >= 0)
);

-- Records that cannot be applied yet: while a number is PENDING its records wait.
CREATE TABLE waiting_records (
    position       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    phone_number   text NOT NULL,
    waits_for      text NOT NULL CHECK (waits_for IN ('end_of_operation', 'number', 'main_number')),
    kind           text NOT NULL,
    -- The fields of the record, of a deletion its key alone, as a JSON object.
    record         text NOT NULL,
    deleted        boolean NOT NULL,
    -- NULL: from an import.
    version        bigint,
    cause_source   text NOT NULL,
    cause_id       text NOT NULL,
    correlation_id text NOT NULL,
    traceparent    text,
    tracestate     text,
    waiting_since  timestamptz NOT NULL
);
CREATE INDEX waiting_records_of_number ON waiting_records (phone_number, position);

-- Usage of the entitlement ------------------------------------------------------------------------

-- One row for each account and site. It is the lock that serialises their changes, and the count of
-- their numbers, so that a command for an account with 20,000 numbers costs no more than one for an
-- account with two. Triggers maintain it for every writer; the CHECKs turn a miscount into an error
-- before it grants an unpaid service.
CREATE TABLE entitlement_usage (
    account_id text NOT NULL,
    site_id    text NOT NULL,
    active     integer NOT NULL DEFAULT 0 CHECK (active >= 0),
    pending    integer NOT NULL DEFAULT 0 CHECK (pending >= 0),
    -- Whether a shortage was published and its end was not. It changes in the transaction that puts
    -- the event into the outbox, so that each is published once.
    exceeded   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (account_id, site_id)
)
WITH (fillfactor = 50);

-- Commands and operations -------------------------------------------------------------------------

-- The ledger: every command that was decided. It recognises duplicates, and it is the history.
CREATE TABLE commands (
    source         text NOT NULL,
    command_id     text NOT NULL,
    fingerprint    text NOT NULL,
    -- False for a command that reuses the id of an earlier one with other content.
    original       boolean NOT NULL,
    operation      text NOT NULL,
    phone_number   text NOT NULL,
    account_id     text NOT NULL,
    site_id        text NOT NULL,
    requested_by   text,
    correlation_id text NOT NULL,
    received_at    timestamptz NOT NULL,
    outcome        text NOT NULL CHECK (outcome IN ('pending', 'completed', 'failed', 'rejected')),
    refusal        text,
    detail         text,
    ended_at       timestamptz,
    failure        text,
    -- The body of the first answer, PENDING or the rejection: a repeat of the command gets it again.
    answer         bytea NOT NULL,
    -- Empty for the original, the fingerprint for a reuse: one index ensures that each id has one
    -- original, and that every other content is stored once beside it.
    variant        text NOT NULL DEFAULT '',
    PRIMARY KEY (source, command_id, variant)
)
WITH (fillfactor = 85);
CREATE INDEX commands_of_number ON commands (phone_number, received_at);
-- Rows arrive in the order of time: BRIN needs a few pages where a B-tree needs an entry per
-- command.
CREATE INDEX commands_by_time ON commands USING brin (received_at);

-- The operations under way and the aftermath of ended ones, at most one for each number. A small
-- table of its own, so that finding due operations scans no numbers.
CREATE TABLE operations (
    phone_number     text PRIMARY KEY,
    operation        text NOT NULL CHECK (operation IN ('activate', 'deactivate')),
    command_source   text NOT NULL,
    command_id       text NOT NULL,
    fingerprint      text NOT NULL,
    correlation_id   text NOT NULL,
    requested_by     text,
    traceparent      text,
    tracestate       text,
    -- When the operation began; when it ended, if the row is its aftermath.
    since            timestamptz NOT NULL,
    deadline         timestamptz NOT NULL,
    -- From this moment the operation counts as late, and an event reports the delay.
    at_risk_at       timestamptz NOT NULL,
    -- What is left to do after the operation has ended; NULL while it is under way.
    aftermath        text CHECK (aftermath IN ('hunt_group_join', 'compensation')),
    -- True once that event was stored.
    delayed          boolean NOT NULL DEFAULT false,
    failure_code     text,
    failure_step     text,
    failure_detail   text,
    failure_pbx_code text,
    -- When the operation must be advanced without news, as the core computes it; the sweep selects
    -- by it. NULL: nothing before a message is confirmed or refused, a result arrives, or an
    -- operator decides.
    due_at           timestamptz,
    -- Rises with every retry that an operator orders.
    retry_round      integer NOT NULL DEFAULT 1,
    partition        integer NOT NULL DEFAULT 0,
    -- The lane of its command, for the messages that follow: 0 interactive, 1 surplus, 2 bulk.
    lane             smallint NOT NULL DEFAULT 0
);
CREATE INDEX operations_due ON operations (partition, due_at) WHERE due_at IS NOT NULL;

-- The steps whose PBX results are awaited, each with its message, so that it can be sent again.
-- Ended steps stay as history.
CREATE TABLE pbx_steps (
    step_id          text PRIMARY KEY,
    -- The order in which the steps were requested.
    place            bigint GENERATED ALWAYS AS IDENTITY,
    phone_number     text NOT NULL,
    command_source   text NOT NULL,
    command_id       text NOT NULL,
    step             text NOT NULL CHECK (step IN (
        'activation', 'hunt_group_membership', 'handset_logout', 'extension_reset'
    )),
    state            text NOT NULL CHECK (state IN ('open', 'done', 'failed')),
    attempt          integer NOT NULL,
    attempts_maximum integer,
    sent_at          timestamptz,
    -- The next attempt: the PBX asked for it, or the PBX counts as silent then. At most one is set.
    again_at         timestamptz,
    silent_at        timestamptz,
    failure_code     text,
    failure_detail   text,
    failure_pbx_code text,
    last_result      text,
    -- A JSON array of the results that were counted: a repeated result is not counted again.
    answers          text NOT NULL DEFAULT '[]',
    requested_at     timestamptz NOT NULL,
    ended_at         timestamptz,
    message_type     text NOT NULL,
    exchange         text NOT NULL,
    routing_key      text NOT NULL,
    correlation_id   text NOT NULL,
    must_be_routed   boolean NOT NULL,
    body             bytea NOT NULL
);
CREATE INDEX pbx_steps_of_number ON pbx_steps (phone_number, place);
CREATE INDEX pbx_steps_not_ended ON pbx_steps (phone_number) WHERE ended_at IS NULL;
CREATE INDEX pbx_steps_by_time ON pbx_steps USING brin (requested_at);

-- The decisions of operators on operations that could not continue without one.
CREATE TABLE resolutions (
    phone_number   text NOT NULL,
    decided_at     timestamptz NOT NULL,
    command_source text NOT NULL,
    command_id     text NOT NULL,
    resolution     text NOT NULL CHECK (resolution IN ('done', 'retry', 'give-up')),
    decided_by     text NOT NULL,
    reason         text NOT NULL,
    PRIMARY KEY (phone_number, decided_at)
);

-- The devices that people must log a number out of, because nothing else can [S]. Closed ones stay
-- as history.
CREATE TABLE manual_logouts (
    -- The order in which they were required.
    place          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    phone_number   text NOT NULL,
    device_id      text NOT NULL,
    device_kind    text NOT NULL,
    -- The number as it was deactivated: it may have another holder by now.
    extension      text,
    account_id     text NOT NULL,
    site_id        text NOT NULL,
    -- The deactivation.
    command_source text NOT NULL,
    command_id     text NOT NULL,
    required_at    timestamptz NOT NULL,
    -- When, by whom and why it was closed; NULL while it is open.
    closed_at      timestamptz,
    closed_by      text,
    reason         text,
    CONSTRAINT closed_by_someone_for_a_reason
        CHECK (num_nulls(closed_at, closed_by, reason) IN (0, 3))
);
CREATE UNIQUE INDEX one_open_manual_logout ON manual_logouts (phone_number, device_id)
    WHERE closed_at IS NULL;
CREATE INDEX manual_logouts_of_number ON manual_logouts (phone_number, place);

-- The outbox --------------------------------------------------------------------------------------

-- Messages that are stored but not yet confirmed by the broker, in the order of the decisions.
CREATE TABLE outbox (
    position        bigint GENERATED ALWAYS AS IDENTITY,
    -- What the message is about: a phone number, or an account at a site (`account_id/site_id`).
    -- The messages of one subject keep their order.
    subject         text NOT NULL,
    -- While such a row exists, the number's operation waits.
    holds_operation boolean NOT NULL,
    message_id      text NOT NULL,
    message_type    text NOT NULL,
    exchange        text NOT NULL,
    routing_key     text NOT NULL,
    correlation_id  text NOT NULL,
    must_be_routed  boolean NOT NULL,
    body            bytea NOT NULL,
    decided_at      timestamptz NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    -- NULL: never refused. 'infinity': parked until an operator decides; it holds back the later
    -- messages of its subject.
    next_attempt_at timestamptz,
    last_error      text,
    -- Whether a PBX result is awaited for the step that this message requests.
    awaited         boolean NOT NULL DEFAULT false,
    -- Whether it keeps its place among the subject's messages. False for the notice that a message
    -- is stuck: it must not wait behind that message.
    ordered         boolean NOT NULL DEFAULT true,
    -- When it was put here. A step that is sent again keeps the time of its decision in decided_at.
    queued_at       timestamptz NOT NULL,
    partition       integer NOT NULL DEFAULT 0,
    -- How soon it goes out among the messages of other subjects: 0 before 1 (surplus) and 2 (bulk).
    lane            smallint NOT NULL DEFAULT 0,
    -- The partition first: a scan for the next messages of one partition passes no row of another.
    PRIMARY KEY (partition, position)
);
CREATE INDEX outbox_holding ON outbox (subject) WHERE holds_operation;
CREATE INDEX outbox_behind ON outbox (subject) WHERE lane > 0;
CREATE INDEX outbox_delayed ON outbox (subject) WHERE next_attempt_at IS NOT NULL;

-- Messages that an operator discarded because the broker can never accept them.
CREATE TABLE discarded_messages (
    position     bigint PRIMARY KEY,
    subject      text NOT NULL,
    message_id   text NOT NULL,
    message_type text NOT NULL,
    exchange     text NOT NULL,
    routing_key  text NOT NULL,
    body         bytea NOT NULL,
    last_error   text,
    discarded_at timestamptz NOT NULL,
    discarded_by text NOT NULL,
    reason       text NOT NULL
);

-- Dead letters ------------------------------------------------------------------------------------

-- Messages that can never be handled, until the dead-letter queue has confirmed them. They are
-- acknowledged when they are stored here, so that a dead-letter queue that is missing, full or
-- forbidden does not stop the messages behind them.
CREATE TABLE dead_letters (
    position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The content header of AMQP: all properties, with the reason among the headers.
    properties bytea NOT NULL,
    body       bytea NOT NULL,
    stored_at  timestamptz NOT NULL,
    -- How often the dead-letter queue has refused it.
    attempts   integer NOT NULL DEFAULT 0,
    last_error text
);
CREATE INDEX dead_letters_next ON dead_letters (attempts, position);

-- Poison messages ---------------------------------------------------------------------------------

-- Messages that were in work when a worker died, with the number of attempts. The broker's delivery
-- count does not serve: it counts every message that a dying worker held, and each series of
-- RabbitMQ counts differently.
CREATE TABLE poison_attempts (
    queue           text NOT NULL,
    digest          bytea NOT NULL,
    attempts        integer NOT NULL,
    last_attempt_at timestamptz NOT NULL,
    PRIMARY KEY (queue, digest)
);

-- Partitions and leadership -----------------------------------------------------------------------

-- One row: the layout of the partitions, and an unfinished change of it.
CREATE TABLE partitioning (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    partitions integer NOT NULL CHECK (partitions >= 1),
    -- Whether each partition has a queue of its own, which the router feeds.
    routed     boolean NOT NULL,
    -- The number of partitions that an unfinished change leads to. No worker serves before the
    -- change is finished.
    target     integer CHECK (target >= 1),
    CHECK (routed OR partitions = 1)
);
INSERT INTO partitioning (partitions, routed) VALUES (1, false);

-- One row for each partition, with the term of its present or last leader. Every transaction of a
-- leader checks its term under a shared lock (see require_term): a new term starts only after the
-- former leader's transactions have ended, and every later transaction of the former leader fails.
-- Rows are never deleted, not even with their partitions: a term must not occur twice.
CREATE TABLE leadership (
    partition          integer PRIMARY KEY,
    term               bigint NOT NULL,
    gained_at          timestamptz,
    -- Only in the row of the router (-1), whose leader reads PBX results for all partitions: results
    -- are counted up to this moment.
    results_read_until timestamptz
);
INSERT INTO leadership (partition, term) VALUES (0, 0);
