-- The layout of the partitions -------------------------------------------------------------------

ALTER TABLE lanes
    DROP COLUMN change,
    DROP COLUMN former,
    -- Whether each partition has a queue of its own, which the router feeds.
    ADD COLUMN routed boolean NOT NULL DEFAULT false,
    -- NULL unless a change was begun: then no worker may serve before it is finished.
    ALTER COLUMN wished DROP NOT NULL;
UPDATE lanes SET routed = present > 1, wished = NULL;
ALTER TABLE lanes ADD CHECK (routed OR present = 1);

ALTER TABLE leadership DROP COLUMN drained;
