"""Directory messages as the platform publishes them: of ten, seven are about logins."""

import json
from collections.abc import Callable
from typing import NamedTuple

from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.records import RecordKind
from pamqp import commands as amqp
from pamqp import header

from tests.benchmarks.data.dataset import SITE, Dataset, account, phone_number
from tests.benchmarks.data.workload import PROPERTIES_OFFSET

EXCHANGE = "telephony.directory"
SOURCE = "/benchmark/platform"
OTHER_KINDS = 10
"""Every tenth message states a voice service, the next one a number, the next one a membership."""


class Statement(NamedTuple):
    """A directory message; each states a record of its own."""

    routing_key: str
    body: bytes


def numbers_stated(messages: int) -> int:
    """How many numbers in full use a dataset needs for this many messages."""
    return -(-messages // OTHER_KINDS)


def plan_statements(dataset: Dataset, count: int) -> list[Statement]:
    """Messages about numbers in full use and their accounts; all of them can be applied."""
    return [_statement(dataset, position) for position in range(count)]


def properties() -> bytes:
    """The encoded AMQP properties of every directory message."""
    persistent = amqp.Basic.Properties(content_type=CONTENT_TYPE, delivery_mode=2)
    marshalled = header.ContentHeader(0, 0, persistent).marshal()
    return bytes(marshalled[PROPERTIES_OFFSET:])


def _statement(dataset: Dataset, position: int) -> Statement:
    (index,) = dataset.in_use(position // OTHER_KINDS, 1)
    kind, record_of = _RECORDS.get(position % OTHER_KINDS, (RecordKind.HANDSET_LOGIN, _login))
    record = record_of(dataset, index, position)
    event = {
        "specversion": "1.0",
        "id": f"record-{position}",
        "source": SOURCE,
        "type": f"telephony.directory.{kind}.v1",
        "data": {**record, "version": 1},
    }
    return Statement(kind, json.dumps(event).encode())


def _service(dataset: Dataset, index: int, position: int) -> dict[str, object]:
    return {
        "service_id": f"added-{position}",
        "account_id": account(index, dataset.accounts),
        "account_kind": "occupier",
        "site_id": SITE,
        "quantity": 1,
    }


def _number(dataset: Dataset, index: int, position: int) -> dict[str, object]:
    return {
        "phone_number": phone_number(index),
        "site_id": SITE,
        "account_id": account(index, dataset.accounts),
        "features": ["voicemail"],
        "label": f"Desk {position}",
    }


def _member(_dataset: Dataset, index: int, position: int) -> dict[str, object]:
    return {"hunt_group_id": f"team-{position}", "phone_number": phone_number(index)}


def _login(_dataset: Dataset, index: int, position: int) -> dict[str, object]:
    return {
        "phone_number": phone_number(index),
        "device_id": f"mobile-{position}",
        "device_kind": "digital",
    }


_RECORDS: dict[int, tuple[RecordKind, Callable[[Dataset, int, int], dict[str, object]]]] = {
    0: (RecordKind.VOICE_SERVICE, _service),
    1: (RecordKind.PHONE_NUMBER, _number),
    2: (RecordKind.HUNT_GROUP_MEMBER, _member),
}
