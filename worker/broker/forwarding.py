"""A message goes on to another queue as it came, and still says where it came from first."""

from copy import copy
from typing import Final
from uuid import uuid4

import aio_pika
from aiormq import spec

from worker.broker.delivery import Delivery
from worker.broker.partition_queues import PARTITION_EXCHANGE
from worker.broker.publication import SHORT_STRING_MAXIMUM_BYTES, Publication

__all__ = ["ORIGIN", "cut_to_fit", "forwarded", "origin_of", "stripped"]

ORIGIN: Final = ("x-original-exchange", "x-original-routing-key")


def forwarded(delivery: Delivery, *, exchange: str, routing_key: str) -> Publication:
    """The same message for another place, body and properties untouched.

    But for three. A user id would have to be ours, and a time to live has been checked already. A
    message without an id gets one: only by it the broker can give it back.
    """
    properties = copy(delivery.properties)
    properties.user_id = None
    properties.expiration = None
    properties.message_id = properties.message_id or uuid4().hex
    properties.headers = {**delivery.headers, **origin_of(delivery)}
    return Publication(exchange, routing_key, properties, delivery.body)


def stripped(publication: Publication) -> Publication:
    """The same with nothing but what is needed: for one that cannot be said in AMQP as it came."""
    headers = publication.properties.headers or {}
    properties = spec.Basic.Properties(
        headers={name: headers[name] for name in ORIGIN},
        content_type=cut_to_fit(publication.properties.content_type),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=uuid4().hex,
    )
    return Publication(publication.exchange, publication.routing_key, properties, publication.body)


def cut_to_fit(content_type: str | None) -> str | None:
    """What is read of it may be longer than what came: it is wrong either way, and stays so."""
    whole = (content_type or "").encode()
    return whole[:SHORT_STRING_MAXIMUM_BYTES].decode(errors="ignore") or None


def origin_of(delivery: Delivery) -> dict[str, str]:
    """Where it was published first, as headers, even where it came through a partition's queue."""
    came_by = dict(zip(ORIGIN, (delivery.exchange, delivery.routing_key), strict=True))
    # The router publishes to the exchange, a change of the number of partitions to the queues.
    if delivery.exchange not in {PARTITION_EXCHANGE, ""}:
        return came_by
    return {name: str(delivery.headers.get(name, came_by[name])) for name in came_by}
