"""Splits the byte streams of PostgreSQL and AMQP into units; recognises requests and replies."""

import struct
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

PIPELINED = frozenset(b"PBDEC")
"""Types of PostgreSQL messages that the client sends together with a closing Sync or Flush."""
ENCRYPTION_REQUEST = struct.pack(">II", 8, 80_877_103)

METHOD_FRAME = 1
PUBLISH = (60, 40)
ACK_AND_NACK = ((60, 80), (60, 120))
METHODS = {
    (10, 40): "connection.open",
    (10, 50): "connection.close",
    (20, 10): "channel.open",
    (20, 40): "channel.close",
    (40, 10): "exchange.declare",
    (50, 10): "queue.declare",
    (50, 20): "queue.bind",
    (50, 40): "queue.delete",
    (50, 50): "queue.unbind",
    (60, 10): "basic.qos",
    (60, 20): "basic.consume",
    PUBLISH: "basic.publish",
    ACK_AND_NACK[0]: "basic.ack",
    (85, 10): "confirm.select",
}
"""The methods with which a worker requests something. Its own replies (`close-ok`) are none."""


class Request(NamedTuple):
    """A request of a client to its server."""

    text: str
    """The name of an AMQP method, or the SQL of a simple query; empty for a prepared statement."""
    content: bytes
    """The whole unit; for PostgreSQL everything since BEGIN: a COMMIT has its statements."""
    is_reply: Callable[[bytes], bool] | None
    """Recognises the server's reply to this request; None if the protocol has no reply."""


class WireProtocol(Protocol):
    """The state of one connection, as far as requests and replies depend on it."""

    def client_unit_length(self, buffer: bytearray) -> int:
        """Length of the client's first unit; more than the buffer holds if it is incomplete."""

    def server_unit_length(self, buffer: bytearray) -> int:
        """The same for the server's first unit."""

    def request_in(self, unit: bytes) -> Request | None:
        """The request in a unit of the client; None if the unit requests nothing."""


class OpaqueProtocol:
    """Forwards bytes as they come: enough for a proxy that cuts and freezes but sets no traps."""

    def client_unit_length(self, buffer: bytearray) -> int:
        """All of it."""
        return len(buffer)

    def server_unit_length(self, buffer: bytearray) -> int:
        """All of it."""
        return len(buffer)

    def request_in(self, unit: bytes) -> Request | None:
        """None: this protocol recognises no request."""


class PostgresProtocol:
    """A request is a simple query, or a Sync with the messages before it; ReadyForQuery replies.

    The worker sends BEGIN, with the fence, and COMMIT as simple queries, and every statement with
    parameters as a prepared one.
    """

    def __init__(self) -> None:
        self._encryption_requested = False
        self._transaction = b""

    def client_unit_length(self, buffer: bytearray) -> int:
        """One message, or several that end with a Sync or Flush."""
        first, end = 0, _end_of_message(buffer, 0)
        while end <= len(buffer) and buffer[first] in PIPELINED:
            first, end = end, _end_of_message(buffer, end)
        return end

    def server_unit_length(self, buffer: bytearray) -> int:
        """One message; the reply to a request for encryption is a single byte."""
        if self._encryption_requested:
            self._encryption_requested = False
            return 1
        return _end_of_message(buffer, 0)

    def request_in(self, unit: bytes) -> Request | None:
        """A simple query, or prepared statements up to a Sync; what ends with a Flush is none."""
        self._encryption_requested |= unit == ENCRYPTION_REQUEST
        is_query = unit.startswith(b"Q")
        sql = unit[5:-1].decode() if is_query else ""
        self._transaction = unit if sql.startswith("BEGIN") else self._transaction + unit
        if is_query or unit.endswith(b"S\0\0\0\4"):
            return Request(sql, self._transaction, _is_ready)
        return None


def _end_of_message(buffer: bytearray, start: int) -> int:
    # The first messages of a connection have no type: they begin with their length.
    begin = start if buffer[start : start + 1] == b"\0" else start + 1
    if len(buffer) < begin + 4:
        return len(buffer) + 1
    return begin + int.from_bytes(buffer[begin : begin + 4], "big")


def _is_ready(reply: bytes) -> bool:
    return reply.startswith(b"Z")


class AmqpProtocol:
    """A request is a method; the confirm that covers a publish is its reply."""

    def __init__(self) -> None:
        self._published: Counter[int] = Counter()

    def client_unit_length(self, buffer: bytearray) -> int:
        """One frame, or the header that opens the connection."""
        return 8 if buffer.startswith(b"AMQP") else _end_of_frame(buffer)

    def server_unit_length(self, buffer: bytearray) -> int:
        """One frame."""
        return _end_of_frame(buffer)

    def request_in(self, unit: bytes) -> Request | None:
        """The request of a method frame; headers, bodies, heartbeats and replies are none."""
        method = _method(unit)
        if method not in METHODS:
            return None
        channel = _channel(unit)
        if method == PUBLISH:
            self._published[channel] += 1
            confirm = partial(_confirms, channel, self._published[channel])
            return Request(METHODS[method], unit, confirm)
        if method in ACK_AND_NACK:
            return Request(METHODS[method], unit, None)
        reply = partial(_is_method, channel, (method[0], method[1] + 1))
        return Request(METHODS[method], unit, reply)


def _end_of_frame(buffer: bytearray) -> int:
    return 8 + int.from_bytes(buffer[3:7], "big") if len(buffer) >= 7 else len(buffer) + 1


def _channel(frame: bytes) -> int:
    return int.from_bytes(frame[1:3], "big")


def _method(frame: bytes) -> tuple[int, int]:
    """Class and method number; zeros for a header, a body or a heartbeat."""
    if frame[0] != METHOD_FRAME:
        return 0, 0
    group, number = struct.unpack(">HH", frame[7:11])
    return group, number


def _is_method(channel: int, method: tuple[int, int], reply: bytes) -> bool:
    return _channel(reply) == channel and _method(reply) == method


def _confirms(channel: int, tag: int, reply: bytes) -> bool:
    """Whether the broker's ack or nack covers this publish, alone or together with earlier ones."""
    if _channel(reply) != channel or _method(reply) not in ACK_AND_NACK:
        return False
    settled, multiple = struct.unpack(">QB", reply[11:20])
    return bool(settled == tag or (multiple & 1 and settled > tag))
