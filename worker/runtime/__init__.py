"""Small helpers for asyncio: time, pauses between attempts, groups of tasks."""
