-- How many lanes there are, and until when what PBX systems said is counted for all of them.
SELECT present, wished, change, former,
    (SELECT results_read_until FROM leadership WHERE lane = -1) AS results_read_until
FROM lanes
