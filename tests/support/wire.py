"""What a proxy must know of a protocol: where something said ends, what asks, and what answers."""

import struct
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

PREPARED = frozenset(b"PBDEC")
"""Messages of PostgreSQL's client that wait for what sends them off: a Sync, or a Flush."""
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
    (60, 30): "basic.cancel",
    PUBLISH: "basic.publish",
    ACK_AND_NACK[0]: "basic.ack",
    (85, 10): "confirm.select",
}
"""What a worker asks of a broker. What it answers itself, as `close-ok`, asks for nothing."""


class Request(NamedTuple):
    """Something that a client asks of its server."""

    words: str
    """The SQL, empty where it was prepared before; or the name of an AMQP method."""
    content: bytes
    """All that was said with it: for a COMMIT, the whole transaction."""
    is_answer: Callable[[bytes], bool] | None
    """Tells the server's answer from whatever else it says; None when there will be none."""


class Conversation(Protocol):
    """One connection: what was said is remembered as far as it is needed."""

    def length_asked(self, heard: bytearray) -> int:
        """How long the first thing is that the client says; more than heard if it goes on."""

    def length_answered(self, heard: bytearray) -> int:
        """The same of the server."""

    def request(self, said: bytes) -> Request | None:
        """What the client asks for with the thing said; None when for nothing."""


class UnknownConversation:
    """Whatever is said, as it comes: enough for a network that only fails, and loses no request."""

    def length_asked(self, heard: bytearray) -> int:
        """All of it."""
        return len(heard)

    def length_answered(self, heard: bytearray) -> int:
        """All of it."""
        return len(heard)

    def request(self, said: bytes) -> Request | None:
        """Nothing is known of it."""


class PostgresConversation:
    """A request is a Query, or a Sync with all that it sends off: it is answered by Ready."""

    def __init__(self) -> None:
        self._encryption_asked = False
        self._transaction = b""

    def length_asked(self, heard: bytearray) -> int:
        """Several messages, if they go off together."""
        first, end = 0, _end_of_message(heard, 0)
        while end <= len(heard) and heard[first] in PREPARED:
            first, end = end, _end_of_message(heard, end)
        return end

    def length_answered(self, heard: bytearray) -> int:
        """One message; only whether it may be encrypted is answered by a mere letter."""
        if self._encryption_asked:
            self._encryption_asked = False
            return 1
        return _end_of_message(heard, 0)

    def request(self, said: bytes) -> Request | None:
        """The SQL of a Query, which COMMIT is; a Flush only prepares, and is none."""
        self._encryption_asked |= said == ENCRYPTION_REQUEST
        is_query = said.startswith(b"Q")
        sql = said[5:-1].decode() if is_query else ""
        self._transaction = said if sql.startswith("BEGIN") else self._transaction + said
        if is_query or said.endswith(b"S\0\0\0\4"):
            return Request(sql, self._transaction, _is_ready)
        return None


def _end_of_message(heard: bytearray, start: int) -> int:
    # The first messages of a connection have no letter: they begin with their length.
    begin = start if heard[start : start + 1] == b"\0" else start + 1
    if len(heard) < begin + 4:
        return len(heard) + 1
    return begin + int.from_bytes(heard[begin : begin + 4], "big")


def _is_ready(reply: bytes) -> bool:
    return reply.startswith(b"Z")


class AmqpConversation:
    """A request is a method; a publish is answered by the confirm that covers it."""

    def __init__(self) -> None:
        self._published: Counter[int] = Counter()

    def length_asked(self, heard: bytearray) -> int:
        """One frame, or the header that opens the connection."""
        return 8 if heard.startswith(b"AMQP") else _end_of_frame(heard)

    def length_answered(self, heard: bytearray) -> int:
        """One frame."""
        return _end_of_frame(heard)

    def request(self, said: bytes) -> Request | None:
        """The method's name."""
        method = _method(said)
        if method not in METHODS:
            return None
        channel = _channel(said)
        if method == PUBLISH:
            self._published[channel] += 1
            confirm = partial(_settles, channel, self._published[channel])
            return Request(METHODS[method], said, confirm)
        if method in ACK_AND_NACK:
            return Request(METHODS[method], said, None)
        answer = partial(_answers, channel, (method[0], method[1] + 1))
        return Request(METHODS[method], said, answer)


def _end_of_frame(heard: bytearray) -> int:
    return 8 + int.from_bytes(heard[3:7], "big") if len(heard) >= 7 else len(heard) + 1


def _channel(frame: bytes) -> int:
    return int.from_bytes(frame[1:3], "big")


def _method(frame: bytes) -> tuple[int, int]:
    """Its class and number; no such one if the frame is a header, a body or a heartbeat."""
    if frame[0] != METHOD_FRAME:
        return 0, 0
    group, number = struct.unpack(">HH", frame[7:11])
    return group, number


def _answers(channel: int, method: tuple[int, int], reply: bytes) -> bool:
    return _channel(reply) == channel and _method(reply) == method


def _settles(channel: int, tag: int, reply: bytes) -> bool:
    """Whether the broker's ack or nack is for this publish, by itself or with those before it."""
    if _channel(reply) != channel or _method(reply) not in ACK_AND_NACK:
        return False
    settled, multiple = struct.unpack(">QB", reply[11:20])
    return bool(settled == tag or (multiple & 1 and settled > tag))
