-- What other systems tell us -------------------------------------------------------------------

-- text and CHECK rather than ENUM types: an ENUM costs the driver a slow introspection and is
-- hard to change.
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
CREATE INDEX voice_services_of_account_at_site ON voice_services (account_id, site_id);

CREATE TABLE phone_numbers (
    phone_number   text PRIMARY KEY CHECK (phone_number ~ '^\+[1-9][0-9]{6,14}$'),
    site_id        text NOT NULL,
    account_id     text,
    extension      text,
    status         text NOT NULL
        CHECK (status IN ('AVAILABLE', 'RESERVED', 'PENDING', 'ACTIVE', 'COOLDOWN')),
    sequence       bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    main_number    boolean NOT NULL DEFAULT false,
    assigned_to    text,
    label          text,
    -- Names only: what a feature is set to (a forwarding target, a code) is not ours to know.
    features       text[] NOT NULL DEFAULT '{}',
    pin_is_default boolean NOT NULL DEFAULT true,
    CONSTRAINT status_fits_account CHECK (
        CASE status
            WHEN 'AVAILABLE' THEN account_id IS NULL
            WHEN 'COOLDOWN' THEN true
            ELSE account_id IS NOT NULL
        END
    ),
    CONSTRAINT main_number_is_nobodys CHECK (NOT (main_number AND assigned_to IS NOT NULL))
)
-- Every command updates its number twice and no index holds what changes: with room on the page
-- both updates stay in place (HOT).
WITH (fillfactor = 70);
CREATE UNIQUE INDEX one_main_number ON phone_numbers (account_id, site_id) WHERE main_number;

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

-- How many numbers an account uses at a site ---------------------------------------------------

-- One row for each account and site: the lock that serialises their changes, and the count, so
-- that an account with 20,000 active numbers costs no more than one with two. The triggers keep
-- it, whoever changes a number; CHECK makes a miscount an error and not a gift.
CREATE TABLE entitlement_usage (
    account_id text NOT NULL,
    site_id    text NOT NULL,
    active     integer NOT NULL DEFAULT 0 CHECK (active >= 0),
    pending    integer NOT NULL DEFAULT 0 CHECK (pending >= 0),
    PRIMARY KEY (account_id, site_id)
)
WITH (fillfactor = 50);

CREATE FUNCTION open_entitlement_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entitlement_usage (account_id, site_id)
    SELECT DISTINCT account_id, site_id FROM new_rows ORDER BY account_id, site_id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER open_usage AFTER INSERT ON voice_services
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION open_entitlement_usage();

CREATE TRIGGER open_usage_of_changed AFTER UPDATE ON voice_services
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION open_entitlement_usage();

CREATE TYPE usage_change AS (account_id text, site_id text, active integer, pending integer);

CREATE FUNCTION change_entitlement_usage(changes usage_change[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO entitlement_usage (account_id, site_id)
    SELECT DISTINCT account_id, site_id FROM unnest(changes) ORDER BY account_id, site_id
    ON CONFLICT DO NOTHING;
    UPDATE entitlement_usage AS usage
    SET active = usage.active + change.active, pending = usage.pending + change.pending
    FROM (
        SELECT account_id, site_id, sum(active)::integer AS active, sum(pending)::integer AS pending
        FROM unnest(changes)
        GROUP BY account_id, site_id
    ) AS change
    WHERE usage.account_id = change.account_id AND usage.site_id = change.site_id
        AND (change.active <> 0 OR change.pending <> 0);
$$;

CREATE FUNCTION count_entitlement_usage() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changes usage_change[] := '{}';
BEGIN
    IF TG_OP <> 'INSERT' THEN
        changes := changes || ARRAY(
            SELECT (account_id, site_id, -(status = 'ACTIVE')::integer,
                    -(status = 'PENDING')::integer)::usage_change
            FROM old_rows WHERE status IN ('ACTIVE', 'PENDING'));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        changes := changes || ARRAY(
            SELECT (account_id, site_id, (status = 'ACTIVE')::integer,
                    (status = 'PENDING')::integer)::usage_change
            FROM new_rows WHERE status IN ('ACTIVE', 'PENDING'));
    END IF;
    IF cardinality(changes) > 0 THEN
        PERFORM change_entitlement_usage(changes);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER count_inserted AFTER INSERT ON phone_numbers
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_entitlement_usage();
CREATE TRIGGER count_updated AFTER UPDATE ON phone_numbers
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_entitlement_usage();
CREATE TRIGGER count_deleted AFTER DELETE ON phone_numbers
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_entitlement_usage();

-- What the worker does -------------------------------------------------------------------------

-- The ledger: every command that was decided. It answers repeats, and it is the history.
CREATE TABLE commands (
    source       text NOT NULL,
    command_id   text NOT NULL,
    fingerprint  text NOT NULL,
    -- False for a command whose id had come before with other content: kept beside the original.
    original     boolean NOT NULL,
    operation    text NOT NULL,
    phone_number text NOT NULL,
    account_id   text NOT NULL,
    site_id      text NOT NULL,
    requested_by text,
    correlation_id text NOT NULL,
    received_at  timestamptz NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('pending', 'completed', 'rejected')),
    refusal      text,
    detail       text,
    ended_at     timestamptz,
    PRIMARY KEY (source, command_id, fingerprint)
)
WITH (fillfactor = 85);
CREATE UNIQUE INDEX one_original ON commands (source, command_id) WHERE original;
CREATE INDEX commands_of_number ON commands (phone_number, received_at);

-- The operations under way, one at most for each number: a small table, so that looking for what
-- can go on never reads the numbers.
CREATE TABLE operations (
    phone_number   text PRIMARY KEY,
    operation      text NOT NULL CHECK (operation IN ('activate', 'deactivate')),
    command_source text NOT NULL,
    command_id     text NOT NULL,
    fingerprint    text NOT NULL,
    correlation_id text NOT NULL,
    requested_by   text,
    traceparent    text,
    tracestate     text,
    since          timestamptz NOT NULL,
    deadline       timestamptz NOT NULL
);

-- What must still be said, in the order in which it was decided.
CREATE TABLE outbox (
    position        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    phone_number    text NOT NULL,
    -- While such a row is there, the number's operation waits.
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
    next_attempt_at timestamptz,
    last_error      text
);
CREATE INDEX outbox_holding ON outbox (phone_number) WHERE holds_operation;
CREATE INDEX outbox_delayed ON outbox (phone_number) WHERE next_attempt_at IS NOT NULL;
