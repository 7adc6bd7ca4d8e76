"""Missing rights are found, without any change on the broker."""

import asyncio
import re
from collections.abc import Sequence

import pytest
from activation_contracts.topology import EXCHANGES, QUEUES

from tests.support.servers.administration import Administration
from worker.broker import rights
from worker.broker.connecting.connection import BrokerUnavailable
from worker.broker.partition_queues import queue_names_of
from worker.broker.rights import (
    Right,
    missing_rights,
    require_rights,
    rights_to_declare,
    rights_to_repartition,
    rights_to_serve,
)
from worker.core.partitions import Layout
from worker.local import PrivateServers
from worker.runtime.mistakes import Mistake

ROUTED = Layout(2, routed=True)
NEEDED = {
    "serve": rights_to_serve(ROUTED),
    "declare": rights_to_declare(EXCHANGES, QUEUES),
    "repartition": rights_to_repartition(queue_names_of(ROUTED)),
}
EVERYTHING = ".*"


def all_but(name: str) -> str:
    return f"^(?!{re.escape(name)}$).*$"


@pytest.mark.parametrize("needed", NEEDED.values(), ids=NEEDED)
async def test_a_user_with_all_rights_lacks_none(amqp_url: str, needed: Sequence[Right]) -> None:
    assert await missing_rights([amqp_url], needed) == []


@pytest.mark.parametrize("needed", NEEDED.values(), ids=NEEDED)
async def test_a_user_without_rights_lacks_every_kind(
    administration: Administration, needed: Sequence[Right]
) -> None:
    url = await administration.add_user("^$", "^$", "^$")
    missing = await missing_rights([url], needed)

    # The right to read an exchange shows only where the right to write to the queue is there.
    assert {(right.kind, right.what, right.name) for right in missing} == {
        (right.kind, right.what, right.name)
        for right in needed
        if (right.kind, right.what) != ("read", "exchange")
    }


@pytest.mark.parametrize(
    "lacked",
    [
        Right("configure", "queue", "pbx.extension-reset"),
        Right("configure", "exchange", "telephony.events"),
        Right("write", "exchange", "telephony.commands.unrouted"),
        Right("write", "exchange", "amq.default"),
        Right("write", "queue", "telephony.phone_number.commands.dead_letter"),
        Right("read", "exchange", "telephony.commands.unrouted"),
        Right("read", "queue", "telephony.phone_number.commands"),
    ],
    ids=str,
)
async def test_exactly_the_right_that_is_missing_is_named(
    administration: Administration, lacked: Right
) -> None:
    kinds = dict.fromkeys(("configure", "write", "read"), EVERYTHING)
    url = await administration.add_user(**{**kinds, lacked.kind: all_but(lacked.name)})
    missing = await missing_rights([url], NEEDED["declare"])
    with pytest.raises(Mistake, match=re.escape(f"lacks rights that a test needs: {lacked}.")):
        await require_rights([url], NEEDED["declare"], "a test")

    assert [right[:3] for right in missing] == [lacked[:3]]


async def test_a_connection_that_is_lost_meanwhile_is_an_outage_of_the_broker(
    amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(*_: object) -> bool:
        raise ConnectionResetError("the connection has ended")

    monkeypatch.setattr(rights, "_has", lost)
    with pytest.raises(BrokerUnavailable, match="the connection has ended"):
        await missing_rights([amqp_url], NEEDED["serve"])


@pytest.mark.campaign
async def test_looking_for_rights_changes_nothing(servers: PrivateServers, amqp_url: str) -> None:
    virtual_host = amqp_url.rsplit("/", 1)[1]

    async def state() -> list[str]:
        return [
            await servers.rabbitmq.control("-q", verb, "-p", virtual_host, *columns)
            for verb, *columns in (
                ("list_queues", "name", "arguments", "messages", "consumers"),
                ("list_exchanges", "name", "type", "arguments"),
                ("list_bindings",),
            )
        ]

    # The broker lists the number of messages as it was some moments ago.
    async with asyncio.timeout(60):
        while any(not row.endswith("\t0\t0") for row in (await state())[0].splitlines()[1:]):
            await asyncio.sleep(1)
    before = await state()
    for needed in NEEDED.values():
        await missing_rights([amqp_url], needed)

    assert list(map(sorted_lines, await state())) == list(map(sorted_lines, before))


def sorted_lines(listed: str) -> list[str]:
    return sorted(listed.splitlines())
