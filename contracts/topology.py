"""The exchanges, queues and bindings of the broker, derived from the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from contracts.catalogue import (
    CATALOGUE,
    COMMAND_EXCHANGE,
    COMMAND_QUEUE,
    EVENT_EXCHANGE,
    PBX_EXCHANGE,
    RESULT_EXCHANGE,
    RESULT_QUEUE,
)

__all__ = [
    "DEAD_LETTER_QUEUE",
    "EXCHANGES",
    "QUEUES",
    "UNROUTED_COMMANDS",
    "UNROUTED_RESULTS",
    "Argument",
    "Binding",
    "Exchange",
    "Queue",
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
    """Messages with this routing key pattern reach the queue."""

    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue and what reaches it."""

    name: str
    bindings: tuple[Binding, ...]
    arguments: Mapping[str, Argument]


UNROUTED_COMMANDS: Final = "telephony.commands.unrouted"
"""Alternate exchange of the commands: what no routing key matches goes to the dead letters."""

UNROUTED_RESULTS: Final = "telephony.pbx.results.unrouted"
"""Alternate exchange of the results: a result is read whatever routing key it came under."""

DEAD_LETTER_QUEUE: Final = "telephony.phone_number.commands.dead_letter"

WORKER_DELIVERY_LIMIT: Final = 100
"""A bound against a message that kills every worker; far above what outages can use up."""

UNLIMITED_DELIVERIES: Final = 1_000_000
"""RabbitMQ 4 drops a message after 20 returns unless told otherwise; looking at a dead letter
returns it, and so does a PBX that restarts. Minus one is not reliably unlimited in every series,
and any limit keeps a returned message at its place in the queue."""

QUORUM: Final[Mapping[str, Argument]] = {"x-queue-type": "quorum"}
KEPT: Final[Mapping[str, Argument]] = {**QUORUM, "x-delivery-limit": UNLIMITED_DELIVERIES}

EXCHANGES: Final = (
    Exchange(UNROUTED_COMMANDS, "fanout"),
    Exchange(COMMAND_EXCHANGE, "topic", {"alternate-exchange": UNROUTED_COMMANDS}),
    Exchange(EVENT_EXCHANGE, "topic"),
    Exchange(PBX_EXCHANGE, "topic"),
    Exchange(UNROUTED_RESULTS, "fanout"),
    Exchange(RESULT_EXCHANGE, "direct", {"alternate-exchange": UNROUTED_RESULTS}),
)

_READ_BY_THE_WORKER: Final[Mapping[str, Argument]] = {
    **QUORUM,
    "x-single-active-consumer": True,
    "x-delivery-limit": WORKER_DELIVERY_LIMIT,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": DEAD_LETTER_QUEUE,
    # At-least-once needs reject-publish as well; without it the broker falls back to
    # at-most-once without a word, and dead letters can be lost.
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}

_ARGUMENTS: Final[Mapping[str, Mapping[str, Argument]]] = {
    COMMAND_QUEUE: _READ_BY_THE_WORKER,
    RESULT_QUEUE: _READ_BY_THE_WORKER,
}


def _queues() -> Iterator[Queue]:
    yield Queue(DEAD_LETTER_QUEUE, (Binding(UNROUTED_COMMANDS, ""),), KEPT)
    bindings: dict[str, list[Binding]] = {}
    for definition in CATALOGUE:
        if definition.queue is not None:
            binding = Binding(definition.exchange, definition.binding_key)
            bindings.setdefault(definition.queue, []).append(binding)
    bindings[RESULT_QUEUE].append(Binding(UNROUTED_RESULTS, ""))
    for name, of_queue in bindings.items():
        yield Queue(name, tuple(of_queue), _ARGUMENTS.get(name, KEPT))


QUEUES: Final = tuple(_queues())
"""The dead-letter queue first: another names it as the place for what it gives up."""
