"""The life of an operation after its decision: what it awaits, and what ends it."""
