-- Composite types: rows that travel between the worker and PostgreSQL, or between functions.

-- What decisions read -----------------------------------------------------------------------------

-- A number with its operation under way and with what a deactivation would take away.
CREATE TYPE number_snapshot AS (
    phone_number text,
    site_id text,
    account_id text,
    extension text,
    status text,
    sequence bigint,
    main_number boolean,
    assigned_to text,
    label text,
    features text[],
    has_call_settings boolean,
    hunt_groups text[],
    logins text[],
    operation text,
    command_source text,
    command_id text,
    correlation_id text,
    requested_by text,
    traceparent text,
    tracestate text,
    fingerprint text,
    since timestamptz,
    at_risk_at timestamptz,
    deadline timestamptz,
    aftermath text,
    delayed boolean,
    failure_code text,
    failure_step text,
    failure_detail text,
    failure_pbx_code text,
    retry_round integer,
    has_waiting_records boolean
);

-- How many numbers an account uses at a site, and how many it has bought there ("limit").
CREATE TYPE usage_snapshot AS (
    account_id text,
    site_id text,
    active integer,
    pending integer,
    exceeded boolean,
    "limit" integer
);

-- What decisions write ----------------------------------------------------------------------------

-- The worker passes a batch as one array of rows, not as one array for each column: unnest() of
-- many columns took longer for one row than the write itself. Each type has the fields, in the same
-- order, of the class of the same name in worker/storage/rows.py.

-- A command in the ledger.
CREATE TYPE command_row AS (
    source text,
    command_id text,
    fingerprint text,
    original boolean,
    operation text,
    phone_number text,
    account_id text,
    site_id text,
    requested_by text,
    correlation_id text,
    outcome text,
    refusal text,
    detail text,
    answer bytea
);

-- A number's new status and sequence; `blank` also resets its label, features and PIN.
CREATE TYPE number_row AS (
    phone_number text,
    status text,
    sequence bigint,
    blank boolean
);

-- An operation that starts.
CREATE TYPE operation_row AS (
    phone_number text,
    operation text,
    command_source text,
    command_id text,
    fingerprint text,
    correlation_id text,
    requested_by text,
    traceparent text,
    tracestate text,
    since timestamptz,
    at_risk_at timestamptz,
    deadline timestamptz,
    aftermath text,
    lane smallint
);

-- The end of an operation.
CREATE TYPE operation_end_row AS (
    phone_number text,
    outcome text,
    failure text,
    detail text
);

-- A message for the outbox.
CREATE TYPE outbox_row AS (
    subject text,
    holds_operation boolean,
    awaited boolean,
    ordered boolean,
    message_id text,
    message_type text,
    exchange text,
    routing_key text,
    correlation_id text,
    must_be_routed boolean,
    body bytea,
    lane smallint
);

-- What triggers count -----------------------------------------------------------------------------

-- By how much an account's usage at a site changes.
CREATE TYPE usage_change AS (
    account_id text,
    site_id text,
    active integer,
    pending integer
);
