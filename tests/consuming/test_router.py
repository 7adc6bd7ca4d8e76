"""The router finds the partition of a command in each form in which it can be read."""

from typing import cast

import pytest
from activation_contracts.reading.examples import DATA, PLAIN, Sent
from activation_contracts.reading.forgiven import FORGIVEN
from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.header import ContentHeader

from worker.broker.delivery import Delivery
from worker.consuming.router import address_of
from worker.core.partitions import partition_of

PARTITIONS = 64
NO_CHANNEL = cast("AbstractChannel", None)


def delivery(sent: Sent) -> Delivery:
    properties = spec.Basic.Properties(
        content_type=sent.content_type,
        content_encoding=sent.content_encoding,
        headers=dict(sent.headers),  # type: ignore[arg-type]
    )
    deliver = spec.Basic.Deliver("consumer", 7, False, "telephony.commands", "key")  # noqa: FBT003 -- the library's order
    header = ContentHeader(0, 0, properties)
    return Delivery(DeliveredMessage(deliver, header, sent.body, NO_CHANNEL))


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(sent, id=f"{row}-{place}")
        for row, forgiven in enumerate(FORGIVEN)
        for place, sent in enumerate(forgiven.examples)
    ],
)
def test_router_addresses_a_forgiven_command_like_the_plain_one(sent: Sent) -> None:
    addressed = address_of(delivery(sent), PARTITIONS)

    assert addressed.partition == partition_of("acme/london-1", PARTITIONS) != 0
    assert addressed.phone_number == DATA["phone_number"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"specversion": "1.0", "data": 7}', PLAIN.body[:-1]]
)
def test_router_sends_an_unreadable_command_to_the_first_partition(body: bytes) -> None:
    addressed = address_of(delivery(Sent(body)), PARTITIONS)

    assert (addressed.partition, addressed.phone_number) == (0, None)
