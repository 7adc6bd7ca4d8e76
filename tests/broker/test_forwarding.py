"""A forwarded message keeps its body and properties."""

from copy import deepcopy
from typing import TYPE_CHECKING, cast

import pytest
from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.header import ContentHeader

from worker.broker.delivery import Delivery
from worker.broker.forwarding import forwarded
from worker.broker.partition_queues import PARTITION_EXCHANGE

if TYPE_CHECKING:
    from pamqp.common import FieldValue

NO_CHANNEL = cast("AbstractChannel", None)
ORIGIN = {"x-original-exchange": "telephony.commands", "x-original-routing-key": "some.key"}


def delivery(properties: spec.Basic.Properties, exchange: str = "telephony.commands") -> Delivery:
    deliver = spec.Basic.Deliver("consumer", 7, True, exchange, "some.key")  # noqa: FBT003 -- the library's order
    return Delivery(DeliveredMessage(deliver, ContentHeader(0, 0, properties), b"body", NO_CHANNEL))


def test_a_delivery_has_the_values_of_the_delivered_message() -> None:
    delivered = delivery(spec.Basic.Properties(message_id="m"), exchange="")

    assert (delivered.tag, delivered.redelivered) == (7, True)
    assert (delivered.exchange, delivered.routing_key) == ("", "some.key")
    assert delivered.properties.message_id == "m"
    assert (delivered.body, delivered.headers) == (b"body", {})


@pytest.mark.parametrize(
    "properties",
    [
        spec.Basic.Properties(),
        spec.Basic.Properties(
            message_id="m", user_id="guest", expiration="100", reply_to="q", priority=3
        ),
        spec.Basic.Properties(message_id="m", headers={"own": 1}),
    ],
)
def test_a_forwarded_message_keeps_all_properties_except_user_id_expiration_and_priority(
    properties: spec.Basic.Properties,
) -> None:
    # A shallow copy would share the headers, and change with them.
    before = deepcopy(properties)
    publication = forwarded(delivery(properties), exchange="", routing_key="commands")

    changed = {"user_id", "expiration", "priority", "headers", "message_id"}
    for name in set(spec.Basic.Properties.attributes()) - changed:
        assert getattr(publication.properties, name) == getattr(before, name)
    assert publication.properties.user_id is publication.properties.expiration is None
    assert publication.properties.priority is None
    assert publication.properties.headers == {**(before.headers or {}), **ORIGIN}
    assert publication.properties.message_id
    assert (publication.exchange, publication.routing_key) == ("", "commands")
    assert publication.body == b"body"
    assert properties == before, "the delivery may be forwarded again, or dead-lettered"


def test_a_forwarded_message_instructs_the_broker_to_nothing() -> None:
    headers: dict[str, FieldValue] = {"CC": ["pbx.extension-reset"], "x-death": [], "own": 1}
    delivered = delivery(spec.Basic.Properties(headers=headers))

    forwarded_headers = forwarded(delivered, exchange="", routing_key="q").properties.headers

    renamed = {"x-original-CC": ["pbx.extension-reset"], "x-original-x-death": []}
    assert forwarded_headers == {**renamed, "own": 1, **ORIGIN}


@pytest.mark.parametrize("exchange", [PARTITION_EXCHANGE, ""])
def test_a_command_from_a_partition_queue_names_its_first_origin(exchange: str) -> None:
    first: dict[str, FieldValue] = {
        "x-original-exchange": "web",
        "x-original-routing-key": "first.key",
    }
    delivered = delivery(spec.Basic.Properties(message_id="m", headers=first), exchange=exchange)

    assert forwarded(delivered, exchange="", routing_key="q").properties.headers == first
