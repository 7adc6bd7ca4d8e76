"""The number of partitions: shown, and changed while no worker runs."""
