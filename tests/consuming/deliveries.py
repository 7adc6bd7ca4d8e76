"""Deliveries of commands, made without a broker."""

import json
from typing import NamedTuple, cast

from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.header import ContentHeader

from worker.broker.delivery import Delivery

__all__ = ["Sent", "burst", "delivery", "delivery_of"]

NO_CHANNEL = cast("AbstractChannel", None)


class Sent(NamedTuple):
    """A command: its place in the queue, its account and its number."""

    place: int
    account: str
    number: str


def delivery(sent: Sent) -> Delivery:
    data = {"phone_number": sent.number, "account_id": sent.account, "site_id": "london-1"}
    body = json.dumps({"specversion": "1.0", "id": str(sent.place), "type": "any", "data": data})
    return delivery_of(body.encode(), sent.place)


def delivery_of(body: bytes, tag: int) -> Delivery:
    deliver = spec.Basic.Deliver("consumer", tag, False, "telephony.commands", "key")  # noqa: FBT003 -- the library's order
    header = ContentHeader(0, len(body), spec.Basic.Properties())
    return Delivery(DeliveredMessage(deliver, header, body, NO_CHANNEL))


def burst(account: str, commands: int, first: int = 0) -> list[Sent]:
    places = range(first, first + commands)
    return [Sent(place, account, f"+44{place:010}") for place in places]
