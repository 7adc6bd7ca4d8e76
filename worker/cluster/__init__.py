"""Membership of workers, assignment of partitions to them, and supervision of a worker."""
