"""Forwards a message to another queue unchanged, with its first origin in the headers."""

from collections.abc import Sequence
from copy import copy
from typing import Final
from uuid import uuid4

import aio_pika
from activation_contracts.topology import UNROUTED_COMMANDS
from aiormq import spec

from worker.broker.delivery import Delivery
from worker.broker.partition_queues import PARTITION_EXCHANGE
from worker.broker.publishing.publication import (
    SHORT_STRING_MAXIMUM_BYTES,
    Publication,
    without_instructions,
)

__all__ = [
    "DEAD_LETTER_HEADERS",
    "ERROR_HEADERS",
    "ORIGIN",
    "cut_to_fit",
    "forwarded",
    "origin_of",
    "stripped",
]

ORIGIN: Final = ("x-original-exchange", "x-original-routing-key")
ERROR_HEADERS: Final = ("x-error-code", "x-error-detail")
DEAD_LETTER_HEADERS: Final = (*ORIGIN, *ERROR_HEADERS, "x-failed-at")
"""The headers that say why, when and from where a message became a dead letter."""


def forwarded(delivery: Delivery, *, exchange: str, routing_key: str) -> Publication:
    """The message for another exchange or queue, with its body and properties unchanged.

    There are five exceptions. Headers that the broker would act on are renamed. The user id is
    removed, because the broker accepts only the id of the connection's own user. The expiration is
    removed, because it has been applied. The priority is removed, because RabbitMQ 4 would deliver
    the message before earlier ones. A message without an id gets one, because a returned message is
    matched to its publication by its id.
    """
    properties = copy(delivery.properties)
    properties.user_id = None
    properties.expiration = None
    properties.priority = None
    properties.message_id = properties.message_id or uuid4().hex
    properties.headers = {**without_instructions(delivery.headers), **origin_of(delivery)}
    return Publication(exchange, routing_key, properties, delivery.body)


def stripped(publication: Publication, kept_headers: Sequence[str] = ORIGIN) -> Publication:
    """The publication without optional properties, for one that AMQP cannot express as received."""
    headers = publication.properties.headers or {}
    properties = spec.Basic.Properties(
        headers={name: headers[name] for name in kept_headers},
        content_type=cut_to_fit(publication.properties.content_type),
        content_encoding=cut_to_fit(publication.properties.content_encoding),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=uuid4().hex,
    )
    return Publication(publication.exchange, publication.routing_key, properties, publication.body)


def cut_to_fit(text: str | None) -> str | None:
    """The property, cut to the longest short string of AMQP; None if it is empty.

    Tolerant decoding can make a property longer than it was received. Such a content type is
    unsupported anyway, and still is when it is cut.
    """
    whole = (text or "").encode()
    return whole[:SHORT_STRING_MAXIMUM_BYTES].decode(errors="ignore") or None


def origin_of(delivery: Delivery) -> dict[str, str]:
    """Headers with the exchange and routing key that the message was first published with."""
    latest = dict(zip(ORIGIN, (delivery.exchange, delivery.routing_key), strict=True))
    # The router forwards through the partition exchange, a change of the number of partitions
    # through the default exchange; commands that read the dead-letter queue use its exchange.
    if delivery.exchange not in {PARTITION_EXCHANGE, UNROUTED_COMMANDS, ""}:
        return latest
    return {name: str(delivery.headers.get(name, latest[name])) for name in latest}
