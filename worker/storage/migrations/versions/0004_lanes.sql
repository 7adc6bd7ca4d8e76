-- How many lanes there are -----------------------------------------------------------------------

-- One row. While the wish differs from what is present, no command is handed to the lanes;
-- `activation-worker lanes` takes the change from step to step.
CREATE TABLE lanes (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    present  integer NOT NULL CHECK (present >= 1),
    wished   integer NOT NULL CHECK (wished >= 1),
    -- The number of the change: what was said for an earlier one does not count.
    change   bigint NOT NULL,
    -- How many there were before, until their queues are deleted.
    former   integer
);
INSERT INTO lanes (present, wished, change) VALUES (1, 1, 0);

-- Who serves which lane --------------------------------------------------------------------------

-- Rows stay when lanes go: a term never comes again.
ALTER TABLE leadership
    -- The last change before which everything in the lane's queue was handled.
    ADD COLUMN drained bigint,
    -- Of whoever reads the results of PBX systems for all lanes: until when these are counted.
    ADD COLUMN results_read_until timestamptz;

-- What belongs to which lane ---------------------------------------------------------------------

-- The lane first: looking for the next messages of one never passes by those of another.
ALTER TABLE outbox
    ADD COLUMN lane integer NOT NULL DEFAULT 0,
    DROP CONSTRAINT outbox_pkey,
    ADD PRIMARY KEY (lane, position);

ALTER TABLE operations ADD COLUMN lane integer NOT NULL DEFAULT 0;
