"""The command line, run inside the test process."""

from collections.abc import Awaitable, Callable

import click
from click.testing import Result

__all__ = ["Invoke", "commands"]

Invoke = Callable[..., Awaitable[Result]]
"""Runs a command with these arguments; keyword arguments change its environment."""


def commands(group: click.Group, prefix: str = "") -> set[str]:
    """The names of all commands that do something."""
    names: set[str] = set()
    for name, command in group.commands.items():
        path = f"{prefix}{name}"
        if isinstance(command, click.Group):
            names |= commands(command, f"{path} ")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            names.add(path)
    return names
