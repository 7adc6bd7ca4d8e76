-- The layout of the partitions, and until when the results of PBX systems are counted for all of them.
SELECT present, routed, wished,
    (SELECT results_read_until FROM leadership WHERE lane = -1) AS results_read_until
FROM lanes
