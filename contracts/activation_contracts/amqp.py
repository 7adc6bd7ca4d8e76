"""A message as an AMQP library publishes it. Uses no library itself."""

from typing import Any, Final, NamedTuple

from activation_contracts.catalogue import definition_of
from activation_contracts.envelope import CONTENT_TYPE, Envelope, Received
from activation_contracts.messages import Report
from activation_contracts.reading import BODY_MAXIMUM_BYTES

__all__ = ["AmqpMessage", "amqp_message", "properties_of"]

PERSISTENT: Final = 2
"""The delivery mode of a message that survives a restart of the broker."""


class AmqpMessage(NamedTuple):
    """Publish it as mandatory, and wait for the confirm."""

    exchange: str
    routing_key: str
    properties: dict[str, Any]
    """By their names in AMQP 0-9-1, as `pika.BasicProperties(**properties)` and
    `aio_pika.Message(body, **properties)` take them."""
    body: bytes


def amqp_message(
    message: Received, *, reply_to: str | None = None, bulk: bool = False
) -> AmqpMessage:
    """What to publish for a message to the worker; its properties are a copy of the envelope.

    `reply_to` names the queue for answers; a report needs it (ValueError). `bulk` is for commands
    for which no person waits: they never delay the others (ValueError for other messages). A body
    that is too large for the worker is a ValueError too. The AMQP property `expiration` is never
    set: the broker would drop an expired command unanswered. `expirytime` makes the worker refuse
    it. A message that the worker publishes is a TypeError.
    """
    if not isinstance(message, Received):
        raise TypeError(
            f"{type(message).__name__} is a message from the worker, not to it: build one to it by"
            " activate, deactivate, report, pbx_result, record or deleted_record"
        )
    if isinstance(message, Report) and not reply_to:
        raise ValueError("a report needs reply_to: the name of the queue to which its answer goes")
    definition = definition_of(type(message))
    routing_key = definition.bulk_routing_key if bulk else definition.routing_key
    if routing_key is None:
        raise ValueError(f"{definition.type} cannot be sent in bulk: only commands can")
    properties = properties_of(message)
    if reply_to:
        properties["reply_to"] = reply_to
    body = message.encode()
    if len(body) > BODY_MAXIMUM_BYTES:
        raise ValueError(f"the body has {len(body)} bytes, the maximum is {BODY_MAXIMUM_BYTES}")
    return AmqpMessage(definition.exchange, routing_key, properties, body)


def properties_of(message: Envelope) -> dict[str, Any]:
    """The AMQP properties that are a copy of the envelope."""
    properties = {
        "content_type": CONTENT_TYPE,
        "delivery_mode": PERSISTENT,
        "message_id": message.id,
        "correlation_id": message.correlationid or message.id,
        "type": message.type,
    }
    if message.time is not None:
        properties["timestamp"] = int(message.time.timestamp())
    return properties
