"""Runs the worker's command and kills it at one crash point: `crashing POINT MARKER COMMAND...`.

Crash points are counted from the moment at which the worker receives bytes that contain the marker.
Each write to a server has two: before it, so that the request is lost, and after it, so that the
reply is. Between two writes a crash makes no difference that a server could observe.
"""

import asyncio
import os
import signal
import socket
import sys
from asyncio import selector_events
from itertools import count
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable

PEEKED_BYTES = 1 << 20


def kill_at(point: int, marker: bytes) -> None:
    """Makes this process end at the crash point, as if by `kill -9`."""
    transport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined] # noqa: SLF001
    read: Callable[[Any], None] = transport._read_ready  # noqa: SLF001
    write: Callable[[Any, bytes], None] = transport.write
    passed = count(1)
    armed = False

    def pass_point() -> None:
        if armed and next(passed) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def reading(self: Any) -> None:
        nonlocal armed
        if not armed:
            arrived = self.get_extra_info("socket")._sock.recv(PEEKED_BYTES, socket.MSG_PEEK)  # noqa: SLF001
            armed = marker in arrived
        read(self)

    def writing(self: Any, data: bytes) -> None:
        pass_point()
        write(self, data)
        pass_point()

    transport._read_ready = reading  # noqa: SLF001
    transport.write = writing


if __name__ == "__main__":
    kill_at(int(sys.argv[1]), sys.argv[2].encode())
    # uvloop writes in C, where no crash point can be inserted.
    uvloop.run = asyncio.run  # type: ignore[assignment]
    sys.argv[1:3] = []
    from worker.cli import main

    main()
