"""Workers together: membership, the assignment of partitions, and supervision."""
