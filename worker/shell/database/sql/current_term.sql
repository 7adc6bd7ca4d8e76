-- Whose term it is. The lock is held until the transaction ends: nobody takes over in between.
SELECT term FROM leadership WHERE lane = CAST(:lane AS integer) FOR SHARE
