"""What operators see and decide: numbers, outbox, dead letters, partitions, import, checks."""
