"""The command line, run inside the test process."""

from collections.abc import Awaitable, Callable

from click.testing import Result

__all__ = ["Invoke"]

Invoke = Callable[..., Awaitable[Result]]
"""Runs a command with these arguments; keyword arguments change its environment."""
