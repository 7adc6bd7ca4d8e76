-- The lanes whose queues may still hold something from before the change.
SELECT leadership.lane
FROM leadership, lanes
WHERE leadership.lane BETWEEN 0 AND lanes.present - 1
    AND leadership.drained IS DISTINCT FROM lanes.change
ORDER BY leadership.lane
