-- A change of the number of partitions ends.
UPDATE lanes
SET present = CAST(:present AS integer), routed = CAST(:routed AS boolean), wished = NULL
