"""The program `activation-worker`; `python -m worker` is the same.

Prepares the process before it loads anything else: that takes most of a second.
"""

from worker.runtime import signals, streams

__all__ = ["main"]


def main() -> None:
    """Runs the command line."""
    streams.open_missing()
    signals.end_at_once()
    signals.hold()
    from worker.cli import main as command_line  # noqa: PLC0415 -- after the signals are held

    command_line()


if __name__ == "__main__":
    main()
