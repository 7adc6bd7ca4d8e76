"""The command line: thin, and quick to answer `--help`."""

from worker.cli.commands import main

__all__ = ["main"]
