"""Explains the state of numbers and of the worker to people: one model for `show` and the page."""
