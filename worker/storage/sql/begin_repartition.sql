-- A change of the number of partitions begins.
UPDATE lanes SET wished = CAST(:wished AS integer)
