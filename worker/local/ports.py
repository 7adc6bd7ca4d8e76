"""Free ports on the loopback interface."""

import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from worker.local.unavailable import PortTaken, ServerUnavailable

__all__ = ["LOOPBACK", "free_ports", "on_free_ports"]

LOOPBACK: Final = "127.0.0.1"
FIRST: Final = 20_000
DRAWS: Final = 1_000
ATTEMPTS: Final = 3
RESERVED: Final = frozenset({25672, *range(35672, 35683)})
"""Ports that RabbitMQ's nodes and tools use by default: another RabbitMQ may start any time."""


def free_ports(count: int) -> tuple[int, ...]:
    """Different ports on which no program listens, outside the range for outgoing connections.

    Within that range a client that reconnects to a stopped server can be assigned the server's
    port as its own, connect to itself, and so block the port.
    """
    first_outgoing = _outgoing_range_start()
    candidates = range(FIRST, first_outgoing) if first_outgoing > FIRST else range(FIRST, 65_536)
    found: set[int] = set()
    for _ in range(DRAWS):
        if len(found) == count:
            return tuple(found)
        port = secrets.choice(candidates)
        if port not in RESERVED and _is_free(port):
            found.add(port)
    raise ServerUnavailable(
        f"No free port was found between {candidates[0]} and {candidates[-1]}."
        " Stop programs that listen there."
    )


async def on_free_ports(
    count: int, start: Callable[[tuple[int, ...]], Awaitable[None]]
) -> tuple[int, ...]:
    """Calls `start` with free ports, and with others on `PortTaken`; returns the ports in use."""
    for _ in range(ATTEMPTS - 1):
        ports = free_ports(count)
        try:
            await start(ports)
        except PortTaken:
            continue
        return ports
    ports = free_ports(count)
    await start(ports)
    return ports


def _outgoing_range_start() -> int:
    text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    return int(text.split()[0])


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        # Like the servers: connections in TIME_WAIT do not occupy a port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
