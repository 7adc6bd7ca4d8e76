"""The stream that keeps all events: it is created once, and an existing one is used as it is."""

import asyncio
import json
import re

import pytest
from activation_contracts.topology import EVENT_LOG, event_log
from aio_pika.exceptions import ChannelNotFoundEntity
from pamqp.common import FieldValue

from tests.support.event_log import (
    PATIENCE_SECONDS,
    declare_short_log,
    fill_segments,
    first_offset,
    logged_events,
    publish,
)
from tests.support.platform import Platform
from tests.support.servers.administration import Administration
from worker.broker import topology
from worker.broker.connecting.connection import BrokerUnavailable, connect
from worker.broker.topology import (
    TopologyMismatch,
    declare_event_log,
    verify_event_log,
)

EVENT = json.dumps({"id": "1"}).encode()


async def declared(amqp_url: str, days: int) -> str | None:
    async with await connect([amqp_url]) as connection:
        return await declare_event_log(connection, days)


async def verified(amqp_url: str, days: int) -> str | None:
    async with await connect([amqp_url]) as connection:
        return await verify_event_log(connection, days)


async def test_the_log_keeps_every_event_whatever_its_routing_key(
    amqp_url: str, platform: Platform
) -> None:
    assert await declared(amqp_url, 7) is None
    assert await declared(amqp_url, 7) is None
    assert await verified(amqp_url, 7) is None
    await publish(platform.channel, EVENT)

    assert await logged_events(amqp_url, 1) == [{"id": "1"}]


async def test_log_on_a_node_that_has_not_started_completely_is_awaited() -> None:
    async def refused() -> None:
        raise ChannelNotFoundEntity(
            f"NOT_FOUND - home node 'rabbit@a' of durable queue '{EVENT_LOG}' in vhost '/' is down"
            " or inaccessible"
        )

    with pytest.raises(BrokerUnavailable, match="home node"):
        await topology.verified(refused(), f"queue {EVENT_LOG!r}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x-max-age": "14D"}, "x-max-age"),
        ({}, "none"),
        ({**event_log(7).arguments, "x-stream-max-segment-size-bytes": 5000}, "5000"),
    ],
    ids=["another time", "no time", "another size of segments"],
)
async def test_a_log_with_another_retention_is_bound_and_keeps_it(
    amqp_url: str, platform: Platform, arguments: dict[str, FieldValue], words: str
) -> None:
    stream: dict[str, FieldValue] = {"x-queue-type": "stream", **arguments}
    await platform.channel.declare_queue(EVENT_LOG, durable=True, arguments=stream)
    difference = await declared(amqp_url, 7)
    await publish(platform.channel, EVENT)

    assert difference is not None
    assert words in difference
    assert await verified(amqp_url, 7) == difference
    assert await logged_events(amqp_url, 1) == [{"id": "1"}]


@pytest.mark.parametrize(
    ("durable", "arguments"),
    [(True, {}), (False, {}), (True, {"x-queue-type": "quorum"})],
    ids=["classic", "transient", "quorum"],
)
async def test_another_kind_of_queue_with_the_name_of_the_log_is_a_mismatch(
    amqp_url: str, platform: Platform, *, durable: bool, arguments: dict[str, FieldValue]
) -> None:
    await platform.channel.declare_queue(EVENT_LOG, durable=durable, arguments=arguments)
    for declaring in (declared, verified):
        with pytest.raises(TopologyMismatch, match="exists with other properties"):
            await declaring(amqp_url, 7)

    await publish(platform.channel, EVENT)
    queue = await platform.channel.get_queue(EVENT_LOG, ensure=False)
    assert await queue.get(fail=False) is None


async def test_a_policy_decides_how_long_an_existing_log_keeps_events(
    amqp_url: str, platform: Platform, administration: Administration
) -> None:
    await declare_short_log(platform.channel)
    await administration.set_policy(rf"^{re.escape(EVENT_LOG)}$", max_age="7D")
    await fill_segments(platform.channel)
    await fill_segments(platform.channel)
    assert await first_offset(amqp_url) == 0

    await administration.clear_policy()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await first_offset(amqp_url) == 0:
            await fill_segments(platform.channel)
