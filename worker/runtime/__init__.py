"""Helpers for asyncio: the clock, backoff, and groups of tasks."""
