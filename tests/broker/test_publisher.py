"""The publisher finds the message that the broker hates, and says what became of each."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.support.platform import Platform
from worker.broker.confirm_channel import (
    ExchangeNotFound,
    Nacked,
    NotPublished,
    Unencodable,
    Unroutable,
)
from worker.broker.connection import BrokerUnavailable, connect
from worker.broker.publisher import Publisher
from worker.local import PrivateServers
from worker.storage.outbox import OutgoingMessage

EVENTS = "telephony.events"
PBX = "telephony.pbx"


@asynccontextmanager
async def publisher_at(amqp_url: str, alone: set[int]) -> AsyncIterator[Publisher]:
    async with await connect([amqp_url]) as connection:
        yield Publisher(connection, 10, alone=alone)


@pytest.fixture
async def publisher(amqp_url: str) -> AsyncIterator[Publisher]:
    async with publisher_at(amqp_url, set()) as opened:
        yield opened


def message(
    place: int, exchange: str = EVENTS, routing_key: str = "phone_number.status.active"
) -> OutgoingMessage:
    return OutgoingMessage(
        position=place,
        phone_number="+442079460000",
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
    )


async def published(amqp_url: str, messages: list[OutgoingMessage]) -> list[NotPublished | None]:
    """Tries until it is known what became of each, on new connections as a lane does."""
    alone: set[int] = set()
    for _ in range(5):
        async with publisher_at(amqp_url, alone) as publisher:
            with contextlib.suppress(BrokerUnavailable):
                return await publisher.publish(messages)
    pytest.fail("nothing was found out")


async def test_one_message_to_a_missing_exchange_does_not_take_the_others_along(
    amqp_url: str, platform: Platform
) -> None:
    good = [message(place) for place in range(200)]
    bad = message(999, exchange="nowhere")
    found = await published(amqp_url, [*good[:100], bad, *good[100:]])

    assert [place for place, problem in enumerate(found) if problem is not None] == [100]
    assert isinstance(found[100], ExchangeNotFound)
    assert "no exchange 'nowhere'" in str(found[100])
    await platform.until(lambda: len({event["id"] for event in platform.events}) == 200)


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        (message(1, routing_key="k" * 300), Unencodable, "string exceeds maximum length"),
        (message(1, PBX, "nobody.listens"), Unroutable, "no queue for 'nobody.listens'"),
        (message(1, "amq.rabbitmq.trace"), Nacked, "ACCESS_REFUSED"),
    ],
)
@pytest.mark.usefixtures("platform")
async def test_what_is_wrong_with_a_message_is_said_of_that_message_alone(
    amqp_url: str, bad: OutgoingMessage, kind: type[Exception], words: str
) -> None:
    before, problem, after = await published(amqp_url, [message(0), bad, message(2)])

    assert before is after is None
    assert type(problem) is kind
    assert words in str(problem)


@pytest.mark.usefixtures("platform")
async def test_a_connection_that_is_lost_leaves_everything_unknown(
    publisher: Publisher, servers: PrivateServers, amqp_url: str
) -> None:
    await publisher.publish([message(0)])
    name = amqp_url.rsplit("/", 1)[1]
    await servers.rabbitmq.control("close_all_connections", "--vhost", name, "test")

    with pytest.raises(BrokerUnavailable):
        await publisher.publish([message(1)])


@pytest.mark.usefixtures("platform")
async def test_a_confirm_that_comes_while_the_broker_is_asked_for_counts(amqp_url: str) -> None:
    async with await connect([amqp_url]) as connection:
        impatient = Publisher(connection, 0.0001, alone=set())

        assert await impatient.publish([message(place) for place in range(50)]) == [None] * 50
