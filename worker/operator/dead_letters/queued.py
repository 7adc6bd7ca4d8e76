"""A message of the dead-letter queue: its origin, its reason, and the copy that stays there."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from activation_contracts.catalogue import (
    COMMAND_EXCHANGE,
    DIRECTORY_EXCHANGE,
    DIRECTORY_QUEUE,
    REPORT_QUEUE,
    RESULT_EXCHANGE,
    RESULT_QUEUE,
)
from activation_contracts.dead_letters import DeadLetterCode
from activation_contracts.topology import UNROUTED_COMMANDS

from worker.broker.delivery import Delivery
from worker.broker.forwarding import DEAD_LETTER_HEADERS, ORIGIN, cut_to_fit, forwarded
from worker.broker.partition_queues import SOURCES, is_partition_queue
from worker.broker.phone_numbers import phone_number_of
from worker.broker.publishing.publication import Publication, without_instructions

__all__ = ["FAILURE_HEADERS", "QueuedDeadLetter", "copy_of"]

KEY_BYTES: Final = 5
WORKER_QUEUES: Final = frozenset({*SOURCES, REPORT_QUEUE, RESULT_QUEUE, DIRECTORY_QUEUE})
FAILURE_HEADERS: Final = frozenset({*DEAD_LETTER_HEADERS, "x-death", "x-opt-death"})
"""Headers that describe the failure; a replayed message does not carry them."""
DELIVERY_COUNTS: Final = frozenset({"x-delivery-count", "x-acquired-count"})


@dataclass(frozen=True, slots=True)
class QueuedDeadLetter:
    """A message of the dead-letter queue, as its copy at the end of the queue."""

    publication: Publication

    @property
    def headers(self) -> Mapping[str, Any]:
        """Its headers, with its origin and, except for an unroutable message, the reason."""
        return self.publication.properties.headers or {}

    @property
    def key(self) -> str:
        """A short key, stable while the message stays there."""
        properties = self.publication.properties
        identity = (properties.message_id, self.headers.get("x-failed-at"), properties.timestamp)
        content = repr(identity).encode() + self.publication.body
        return hashlib.blake2b(content, digest_size=KEY_BYTES).hexdigest()

    @property
    def origin(self) -> tuple[str, str]:
        """Exchange and routing key of its first publication."""
        exchange, routing_key = (str(self.headers[name]) for name in ORIGIN)
        return exchange, routing_key

    @property
    def phone_number(self) -> str | None:
        """The number that its body names; None if it cannot be read."""
        return phone_number_of(self.publication.body, self.publication.properties)

    @property
    def can_be_replayed(self) -> bool:
        """Whether its origin leads to a worker: its publisher must not choose any other queue."""
        exchange, routing_key = self.origin
        own = routing_key in WORKER_QUEUES or is_partition_queue(routing_key)
        return bool(exchange) or own

    @property
    def reason(self) -> tuple[str, str]:
        """A code, and a detail for people."""
        if "x-error-code" in self.headers:
            return str(self.headers["x-error-code"]), str(self.headers.get("x-error-detail", ""))
        return DeadLetterCode.NOT_ROUTED, f"no queue is bound for routing key {self.origin[1]!r}"

    def as_dict(self) -> dict[str, object]:
        """All of it, as plain values."""
        code, detail = self.reason
        exchange, routing_key = self.origin
        failed_at = self.headers.get("x-failed-at")
        properties = self.publication.properties
        return {
            "key": self.key,
            "failed_at": None if failed_at is None else str(failed_at),
            "code": code,
            "detail": detail,
            "exchange": exchange,
            "routing_key": routing_key,
            "message_id": properties.message_id,
            "type": properties.message_type,
            "content_type": properties.content_type,
            "body": self.publication.body.decode(errors="replace"),
        }


def copy_of(delivery: Delivery) -> Publication:
    """The message for the end of the queue, with origin and reason in the headers.

    What the headers already say of both counts only if a worker or such a copy wrote it: the
    broker's own dead letters, and unroutable messages, carry the headers of their publisher.
    """
    copy = forwarded(delivery, exchange=UNROUTED_COMMANDS, routing_key="")
    headers = {
        name: value
        for name, value in without_instructions(delivery.headers).items()
        if name not in DELIVERY_COUNTS
    }
    if not _is_described(delivery):
        headers = {name: headers[name] for name in headers if name not in DEAD_LETTER_HEADERS}
        headers |= _description(delivery)
    copy.properties.headers = headers
    return copy


def _is_described(delivery: Delivery) -> bool:
    headers = delivery.headers
    return (
        delivery.exchange in {"", UNROUTED_COMMANDS}
        and "x-death" not in headers
        and all(name in headers for name in ORIGIN)
    )


def _description(delivery: Delivery) -> dict[str, str]:
    """Origin and, unless it was unroutable, reason of a message that no worker put there."""
    if delivery.exchange:
        return dict(zip(ORIGIN, (delivery.exchange, delivery.routing_key), strict=True))
    death = _latest_death(delivery.headers)
    queue = str(death.get("queue", ""))
    return {
        **dict(zip(ORIGIN, _first_published(delivery, queue, death), strict=True)),
        "x-error-code": DeadLetterCode.GIVEN_UP_BY_THE_BROKER.value,
        "x-error-detail": f"{death.get('reason', 'unknown reason')} in queue {queue or 'unknown'}",
        **({"x-failed-at": str(death["time"])} if "time" in death else {}),
    }


def _latest_death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The broker's latest entry; empty if its header cannot be read."""
    deaths = headers.get("x-death")
    latest = deaths[0] if isinstance(deaths, list) and deaths else {}
    return latest if isinstance(latest, dict) else {}


def _first_published(delivery: Delivery, queue: str, death: Mapping[str, Any]) -> tuple[str, str]:
    # Only queue and reason are surely the broker's: the rest of an entry for the same queue and
    # reason is kept from the publisher, who may not choose where a replay goes.
    keys = death.get("routing-keys")
    routing_key = cut_to_fit(str(keys[0])) if isinstance(keys, list) and keys else None
    if queue == RESULT_QUEUE:
        return RESULT_EXCHANGE, routing_key or ""
    if queue == DIRECTORY_QUEUE:
        return DIRECTORY_EXCHANGE, routing_key or ""
    if queue in {*SOURCES, REPORT_QUEUE}:
        return COMMAND_EXCHANGE, routing_key or ""
    if is_partition_queue(queue):
        # The router has written what it took from the command queue.
        return COMMAND_EXCHANGE, str(delivery.headers.get(ORIGIN[1], ""))
    return "", queue
