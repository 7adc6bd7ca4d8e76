"""Feeds everything that parses outside bytes with hostile ones, and counts: `make fuzz`."""
