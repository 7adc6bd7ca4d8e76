"""The publisher isolates a bad message and reports the outcome of each."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.support.platform import Platform
from worker.broker.connecting.connection import BrokerUnavailable, connect
from worker.broker.publishing.confirm_channel import (
    ExchangeNotFound,
    Nacked,
    NotPublished,
    Unencodable,
    Unroutable,
)
from worker.broker.publishing.publisher import Publisher
from worker.local import PrivateServers
from worker.storage.outbox.messages import OutgoingMessage

pytestmark = pytest.mark.publishes_anything  # the publisher does not look into messages

EVENTS = "telephony.events"
PBX = "telephony.pbx"


@asynccontextmanager
async def publisher_at(amqp_url: str, published_alone: set[int]) -> AsyncIterator[Publisher]:
    async with await connect([amqp_url]) as connection:
        yield Publisher(connection, 10, published_alone=published_alone)


@pytest.fixture
async def publisher(amqp_url: str) -> AsyncIterator[Publisher]:
    async with publisher_at(amqp_url, set()) as opened:
        yield opened


def message(
    place: int, exchange: str = EVENTS, routing_key: str = "phone_number.status.active"
) -> OutgoingMessage:
    return OutgoingMessage(
        position=place,
        subject="+442079460000",
        message_id=f"message-{place}",
        message_type="test",
        exchange=exchange,
        routing_key=routing_key,
        correlation_id="story",
        must_be_routed=True,
        holds_operation=False,
        awaited=False,
        ordered=True,
        body=b'{"id": "%d", "data": {}}' % place,
        decided_at=datetime.now(UTC),
        queued_at=datetime.now(UTC),
        attempts=0,
        lane=0,
        deferred=False,
    )


async def published(amqp_url: str, messages: list[OutgoingMessage]) -> list[NotPublished | None]:
    """Publishes until every outcome is known, on new connections as a relay does."""
    published_alone: set[int] = set()
    for _ in range(5):
        async with publisher_at(amqp_url, published_alone) as publisher:
            with contextlib.suppress(BrokerUnavailable):
                return await publisher.publish(messages)
    pytest.fail("the outcomes are still unknown after five attempts")


async def test_publisher_confirms_all_messages_but_the_one_to_a_missing_exchange(
    amqp_url: str, platform: Platform
) -> None:
    good = [message(place) for place in range(200)]
    bad = message(999, exchange="nowhere")
    problems = await published(amqp_url, [*good[:100], bad, *good[100:]])

    assert [place for place, problem in enumerate(problems) if problem is not None] == [100]
    assert isinstance(problems[100], ExchangeNotFound)
    assert "no exchange 'nowhere'" in str(problems[100])
    await platform.until(lambda: len({event["id"] for event in platform.events}) == 200)


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        (message(1, routing_key="k" * 300), Unencodable, "string exceeds maximum length"),
        (message(1, PBX, "unbound.key"), Unroutable, "no queue for 'unbound.key'"),
        (message(1, "amq.rabbitmq.trace"), Nacked, "ACCESS_REFUSED"),
    ],
)
@pytest.mark.usefixtures("platform")
async def test_publisher_reports_a_problem_only_for_the_message_that_has_it(
    amqp_url: str, bad: OutgoingMessage, kind: type[Exception], words: str
) -> None:
    before, problem, after = await published(amqp_url, [message(0), bad, message(2)])

    assert before is after is None
    assert type(problem) is kind
    assert words in str(problem)


@pytest.mark.usefixtures("platform")
async def test_publish_raises_broker_unavailable_if_the_connection_is_lost(
    publisher: Publisher, servers: PrivateServers, amqp_url: str
) -> None:
    await publisher.publish([message(0)])
    name = amqp_url.rsplit("/", 1)[1]
    await servers.rabbitmq.control("close_all_connections", "--vhost", name, "test")

    with pytest.raises(BrokerUnavailable):
        await publisher.publish([message(1)])


@pytest.mark.usefixtures("platform")
async def test_a_confirm_counts_that_arrives_while_the_publisher_probes_the_broker(
    amqp_url: str,
) -> None:
    async with await connect([amqp_url]) as connection:
        impatient = Publisher(connection, 0.0001, published_alone=set())

        assert await impatient.publish([message(place) for place in range(50)]) == [None] * 50
