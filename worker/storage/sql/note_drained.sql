-- All that stood in the lane's queue before this change is handled.
UPDATE leadership SET drained = CAST(:change AS bigint)
WHERE lane = CAST(:lane AS integer)
