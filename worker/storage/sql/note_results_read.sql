-- Until when what PBX systems said is counted, for the lanes of other workers.
UPDATE leadership SET results_read_until = CAST(:now AS timestamptz)
WHERE lane = CAST(:lane AS integer)
