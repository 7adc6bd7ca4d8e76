"""Writes the log to a stream that may be full, closed, or without a reader."""

import os
import select
from typing import Final, TextIO

from worker.telemetry.process_counters import LINES_LOST

__all__ = ["LogStream"]

PART_BYTES: Final = 4096
"""A pipe that is ready takes a part of this size without blocking (PIPE_BUF)."""
PATIENCE_SECONDS: Final = 1.0
"""How long a line waits for a reader that does not read; the lines after it do not wait."""


class LogStream:
    """Writes whole lines to a stream, and counts the lines that the stream does not take.

    The worker must go on when the disk of its log is full, or the reader of its log has gone or
    does not read. Writes to the descriptor: Python's buffers would keep lines that cannot be
    written, and fail again at the end of the process.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._descriptor = _descriptor_of(stream)
        self._poll = select.poll()
        if self._descriptor is not None:
            self._poll.register(self._descriptor, select.POLLOUT)
        self._is_stuck = False
        self._is_torn = False

    def write(self, line: str) -> None:
        """Writes the line, or counts it as lost."""
        try:
            if self._descriptor is None:
                self._stream.write(line)
            else:
                self._write(self._descriptor, line)
        except (OSError, ValueError):  # ValueError: the stream in memory is closed
            LINES_LOST.inc()

    def flush(self) -> None:
        """No-op: `write` keeps nothing back."""

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def _write(self, descriptor: int, line: str) -> None:
        data = line.encode(self._stream.encoding or "utf-8", errors="backslashreplace")
        if self._is_torn:
            data = b"\n" + data  # ends the line of which only a part was written
        self._is_torn = False
        while data:
            self._wait_until_ready()
            data = data[os.write(descriptor, data[:PART_BYTES]) :]
            self._is_torn = bool(data)

    def _wait_until_ready(self) -> None:
        # Also ready without a reader, and on an error: the write then says why it fails.
        patience = 0.0 if self._is_stuck else PATIENCE_SECONDS
        self._is_stuck = not self._poll.poll(patience * 1000)
        if self._is_stuck:
            raise BlockingIOError


def _descriptor_of(stream: TextIO) -> int | None:
    """The descriptor of the stream; None for a stream in memory."""
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None
