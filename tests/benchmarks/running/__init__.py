"""Runs an implementation: its processes, its servers and what they cost."""
