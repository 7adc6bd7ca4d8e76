"""The exchanges, queues and bindings of the broker, derived from the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from activation_contracts.catalogue import (
    BULK_COMMAND_QUEUE,
    CATALOGUE,
    COMMAND_EXCHANGE,
    COMMAND_QUEUE,
    DIRECTORY_EXCHANGE,
    DIRECTORY_QUEUE,
    EVENT_EXCHANGE,
    PBX_EXCHANGE,
    REPORT_QUEUE,
    RESULT_EXCHANGE,
    RESULT_QUEUE,
)

__all__ = [
    "DEAD_LETTER_EXCHANGES",
    "DEAD_LETTER_QUEUE",
    "EVENT_LOG",
    "EVENT_LOG_DAYS",
    "EXCHANGES",
    "QUEUES",
    "QUORUM",
    "UNKEPT_COMMANDS",
    "UNROUTED_COMMANDS",
    "UNROUTED_DIRECTORY",
    "UNROUTED_RESULTS",
    "Argument",
    "Binding",
    "Exchange",
    "Queue",
    "event_log",
]

Argument = str | int | bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: Literal["topic", "direct", "fanout"]
    arguments: Mapping[str, Argument] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding: the exchange routes messages with this key pattern to the queue."""

    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable queue and its bindings: a quorum queue, or the stream of the event log."""

    name: str
    bindings: tuple[Binding, ...]
    arguments: Mapping[str, Argument]


UNROUTED_COMMANDS: Final = "telephony.commands.unrouted"
"""Alternate exchange of the commands: an unroutable command goes to the dead-letter queue."""

UNKEPT_COMMANDS: Final = "telephony.commands.unkept"
"""Alternate exchange of `UNROUTED_COMMANDS`: while the dead-letter queue is missing, an unroutable
command goes to the command queue, and the worker reads it by its body."""

UNROUTED_RESULTS: Final = "telephony.pbx.results.unrouted"
"""Alternate exchange of the results exchange: a result with any other routing key is read too."""

UNROUTED_DIRECTORY: Final = "telephony.directory.unrouted"
"""Alternate exchange of the directory: a message with any other routing key is read too."""

DEAD_LETTER_QUEUE: Final = "telephony.phone_number.commands.dead_letter"

EVENT_LOG: Final = "telephony.events.log"

EVENT_LOG_DAYS: Final = 7
"""How long the event log keeps events, unless a setting says otherwise."""

EVENT_LOG_SEGMENT_BYTES: Final = 100_000_000
"""RabbitMQ deletes a stream by whole segments, and looks when it begins the next one. By default a
segment has 500 MB: where few events are published, it would keep them for years."""

WORKER_DELIVERY_LIMIT: Final = 100
"""Delivery limit of the queues that workers read: against a message that kills every worker, and
far above the redeliveries that outages cause. The worker isolates such a message much earlier."""

HIGH_DELIVERY_LIMIT: Final = 1_000_000
"""RabbitMQ 4 drops a message after 20 returns by default, and a PBX that restarts returns its
messages. A limit of -1 is not unlimited in every release series; and with any limit a returned
message keeps its place in the queue."""

# A policy with a maximum length would otherwise let the broker drop the oldest messages.
QUORUM: Final[Mapping[str, Argument]] = {"x-queue-type": "quorum", "x-overflow": "reject-publish"}
UNLIMITED: Final[Mapping[str, Argument]] = {**QUORUM, "x-delivery-limit": HIGH_DELIVERY_LIMIT}

EXCHANGES: Final = (
    Exchange(UNKEPT_COMMANDS, "fanout"),
    Exchange(UNROUTED_COMMANDS, "fanout", {"alternate-exchange": UNKEPT_COMMANDS}),
    Exchange(COMMAND_EXCHANGE, "topic", {"alternate-exchange": UNROUTED_COMMANDS}),
    Exchange(EVENT_EXCHANGE, "topic"),
    Exchange(PBX_EXCHANGE, "topic"),
    Exchange(UNROUTED_RESULTS, "fanout"),
    Exchange(RESULT_EXCHANGE, "direct", {"alternate-exchange": UNROUTED_RESULTS}),
    Exchange(UNROUTED_DIRECTORY, "fanout"),
    Exchange(DIRECTORY_EXCHANGE, "topic", {"alternate-exchange": UNROUTED_DIRECTORY}),
)

_WORKER_QUEUE: Final[Mapping[str, Argument]] = {
    **QUORUM,
    "x-single-active-consumer": True,
    "x-delivery-limit": WORKER_DELIVERY_LIMIT,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": DEAD_LETTER_QUEUE,
    # At-least-once needs reject-publish; without it the broker silently falls back to at-most-once,
    # and dead letters can be lost.
    "x-dead-letter-strategy": "at-least-once",
}

_ARGUMENTS: Final[Mapping[str, Mapping[str, Argument]]] = {
    COMMAND_QUEUE: _WORKER_QUEUE,
    BULK_COMMAND_QUEUE: _WORKER_QUEUE,
    REPORT_QUEUE: _WORKER_QUEUE,
    RESULT_QUEUE: _WORKER_QUEUE,
    DIRECTORY_QUEUE: _WORKER_QUEUE,
}


def _queues() -> Iterator[Queue]:
    yield Queue(DEAD_LETTER_QUEUE, (Binding(UNROUTED_COMMANDS, ""),), UNLIMITED)
    bindings: dict[str, list[Binding]] = {}
    for definition in CATALOGUE:
        if definition.queue is not None:
            binding = Binding(definition.exchange, definition.binding_key)
            bindings.setdefault(definition.queue, []).append(binding)
        if definition.bulk_queue is not None and definition.bulk_routing_key is not None:
            binding = Binding(definition.exchange, definition.bulk_routing_key)
            bindings.setdefault(definition.bulk_queue, []).append(binding)
    bindings[COMMAND_QUEUE].append(Binding(UNKEPT_COMMANDS, ""))
    bindings[RESULT_QUEUE].append(Binding(UNROUTED_RESULTS, ""))
    bindings[DIRECTORY_QUEUE].append(Binding(UNROUTED_DIRECTORY, ""))
    for name, queue_bindings in bindings.items():
        yield Queue(name, tuple(queue_bindings), _ARGUMENTS.get(name, UNLIMITED))


QUEUES: Final = tuple(_queues())
"""In the order of declaration. The dead-letter queue is first because other queues refer to it."""

DEAD_LETTER_EXCHANGES: Final = EXCHANGES[:2]
"""The exchanges through which unroutable commands reach the dead-letter queue."""


def event_log(days: int) -> Queue:
    """The stream of all events, which keeps each for at least this many days."""
    return Queue(
        EVENT_LOG,
        (Binding(EVENT_EXCHANGE, "#"),),
        {
            "x-queue-type": "stream",
            "x-max-age": f"{days}D",
            "x-stream-max-segment-size-bytes": EVENT_LOG_SEGMENT_BYTES,
        },
    )
