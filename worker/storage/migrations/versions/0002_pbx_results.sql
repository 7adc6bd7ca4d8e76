-- What a PENDING waits for ---------------------------------------------------------------------

-- From now on a row here may outlive its PENDING, while steps that follow are outstanding.
ALTER TABLE operations
    ADD COLUMN at_risk_at timestamptz,
    ADD COLUMN delayed boolean NOT NULL DEFAULT false,
    ADD COLUMN failure_code text,
    ADD COLUMN failure_step text,
    ADD COLUMN failure_detail text,
    ADD COLUMN failure_pbx_code text,
    ADD COLUMN round integer NOT NULL DEFAULT 1;
UPDATE operations SET at_risk_at = deadline;
ALTER TABLE operations ALTER COLUMN at_risk_at SET NOT NULL;

ALTER TABLE commands
    ADD COLUMN failure text,
    DROP CONSTRAINT commands_outcome_check,
    ADD CONSTRAINT commands_outcome_check
        CHECK (outcome IN ('pending', 'completed', 'failed', 'rejected'));

-- Whether the result of the step that this message asks for is awaited.
ALTER TABLE outbox ADD COLUMN awaited boolean NOT NULL DEFAULT false;
-- Whether it keeps its place among the number's messages. A notice that one of these is stuck must
-- not be stuck behind it.
ALTER TABLE outbox ADD COLUMN ordered boolean NOT NULL DEFAULT true;

-- The steps whose results are awaited, with the message that asks for each, to be sent again.
-- What has ended stays as history.
CREATE TABLE pbx_operations (
    operation_id     text PRIMARY KEY,
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
    again_at         timestamptz,
    failure_code     text,
    failure_detail   text,
    failure_pbx_code text,
    last_result      text,
    -- A JSON array of the results that were counted, so that a repeat is not counted again.
    answers          text NOT NULL DEFAULT '[]',
    asked_at         timestamptz NOT NULL,
    ended_at         timestamptz,
    message_type     text NOT NULL,
    exchange         text NOT NULL,
    routing_key      text NOT NULL,
    correlation_id   text NOT NULL,
    must_be_routed   boolean NOT NULL,
    body             bytea NOT NULL
);
CREATE INDEX pbx_operations_of_number ON pbx_operations (phone_number, place);
CREATE INDEX pbx_operations_not_ended ON pbx_operations (phone_number) WHERE ended_at IS NULL;
CREATE INDEX pbx_operations_again ON pbx_operations (again_at)
    WHERE again_at IS NOT NULL AND ended_at IS NULL;

-- What people decided on operations that could not go on by themselves.
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
