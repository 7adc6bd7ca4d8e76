"""Serves one assignment during a term: builds the two loops, runs them, and stops them in order."""
