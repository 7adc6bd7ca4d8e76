"""The command line. Commands import what they need when they run, so that `--help` is quick."""

from worker.cli.command_line import main

__all__ = ["main"]
