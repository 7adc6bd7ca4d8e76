"""Replies: to which queues they go, and the answer to a message that cannot be read."""

import asyncio
import json
from typing import Any, cast

import aio_pika
import pytest
from activation_contracts.messages import MessageUnreadable
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue
from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.header import ContentHeader

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.broker.delivery import Delivery
from worker.consuming.answering.replies import ReplyAddresses
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.saving import ReplyTo
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

NUMBER = "+442079460001"
NO_CHANNEL = cast("AbstractChannel", None)
MISSPELT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "c-1",
    "source": "/tests/web-tier",
    "type": "telephony.phone_number.activate.v1",
    "expiryTime": "2026-11-24T09:00:00Z",
    "data": {"phone_number": NUMBER, "account_id": "acme", "site_id": "london"},
}
ACTIVATE: dict[str, Any] = {name: MISSPELT[name] for name in MISSPELT if name != "expiryTime"}
OF_ANOTHER_CLUSTER = (
    "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAyNzc5NjQyMAAAC1oAAAAAZo4bIw==.+Uvn1EmAp0ZA+oQx2yoQFA=="
)
"""A direct reply-to address. RabbitMQ 3.10 closes a connection that publishes a reply to it."""


def asking_for_reply(queue: str | None) -> Delivery:
    properties = spec.Basic.Properties(reply_to=queue, correlation_id="story-1")
    deliver = spec.Basic.Deliver("consumer", 7, False, "", "some.key")  # noqa: FBT003 -- the library's order
    return Delivery(DeliveredMessage(deliver, ContentHeader(0, 0, properties), b"{}", NO_CHANNEL))


async def next_of(queue: AbstractQueue) -> AbstractIncomingMessage:
    """The next message of the queue."""
    async with asyncio.timeout(90):
        while (message := await queue.get(no_ack=True, fail=False)) is None:
            await asyncio.sleep(0.05)
    return message


@pytest.mark.parametrize(
    ("queue", "is_allowed"),
    [
        ("amq.rabbitmq.reply-to.g1h2AAxyz==.abc", True),
        ("amq.gen-JzTY20BRgKO", True),
        ("reply.web-7", True),
        ("answers-7", True),
        ("pbx.extension-reset", False),
        ("telephony.phone_number.commands", False),
        ("Reply.web-7", False),
        ("x-reply.web-7", False),
        ("reply.\x00", False),
        ("reply." + "é" * 200, False),
    ],
)
def test_replies_go_only_to_queues_of_requesters(queue: str, is_allowed: bool) -> None:  # noqa: FBT001
    metrics = Metrics()
    addresses = ReplyAddresses({"reply.", "answers-"}, Reporter(metrics))
    delivery = asking_for_reply(queue)

    address = addresses.address_of(delivery, "c-1")
    addresses.report_refused([delivery, asking_for_reply(None)])

    assert address == (ReplyTo(queue, "story-1") if is_allowed else None)
    refused = metrics.registry.get_sample_value("activation_worker_replies_refused_total")
    assert refused == (0 if is_allowed else 1)


async def test_worker_sends_no_reply_into_a_queue_of_others(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    async with working(database, settings):
        properties = {"reply_to": "pbx.extension-reset"}
        command = await platform.send("activate", NUMBER, properties=properties)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    assert platform.pbx_messages == []


@pytest.mark.parametrize("data", [{}, {"site_id": 7}], ids=["readable", "unreadable"])
async def test_worker_keeps_its_session_when_a_reply_ends_a_connection(
    database: Database,
    settings: Settings,
    platform: Platform,
    data: dict[str, object],
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    answers: list[dict[str, Any]] = []
    replies = await platform.channel.declare_queue(exclusive=True)
    await platform.collect(replies, answers)
    async with working(database, settings) as worker:
        await until_leading(worker)
        terms = await rows(database, "SELECT term FROM leadership")
        body = {**ACTIVATE, "data": {**ACTIVATE["data"], **data}}
        await platform.send_raw(json.dumps(body).encode(), reply_to=OF_ANOTHER_CLUSTER)
        await asyncio.sleep(1)
        # Only this reply may be lost, and none after it.
        await platform.send("deactivate", "+442079469999", properties={"reply_to": replies.name})
        await platform.until(lambda: answers)
        assert await rows(database, "SELECT term FROM leadership") == terms

    assert answers[0]["data"]["code"] == "NUMBER_UNKNOWN"


@pytest.mark.parametrize(
    ("number", "changes", "word"),
    [
        (NUMBER, {}, "PENDING"),
        ("+442079469999", {}, "NUMBER_UNKNOWN"),
        (NUMBER, {"requested_by": "Eve"}, "COMMAND_ID_REUSED"),
    ],
    ids=["accepted", "rejected", "id reused"],
)
async def test_worker_answers_a_repeat_as_it_answered_the_first(
    database: Database,
    settings: Settings,
    platform: Platform,
    number: str,
    changes: dict[str, str],
    word: str,
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    replies = await platform.channel.declare_queue(exclusive=True)
    async with working(database, settings):
        await platform.send("activate", number, id="c-1")
        await platform.outcome("c-1")
        for story in ("first", "second", "third"):
            properties = {"reply_to": replies.name, "correlation_id": story}
            await platform.send("activate", number, id="c-1", properties=properties, **changes)
        received = [await next_of(replies) for _ in range(3)]
        await platform.send("deactivate", "+442079469999", id="last")
        await platform.outcome("last")

    assert [message.correlation_id for message in received] == ["first", "second", "third"]
    bodies = {message.body for message in received}
    assert len(bodies) == 1
    answer = json.loads(bodies.pop())
    assert (answer["data"].get("code") or answer["data"]["status"]) == word
    assert {(message.message_id, message.type) for message in received} == {
        (answer["id"], answer["type"])
    }
    assert platform.events.count(answer) == 1


async def test_worker_answers_a_repeat_in_the_same_batch_behind_the_first(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    replies = await platform.channel.declare_queue(exclusive=True)
    for story in ("first", "second"):
        properties = {"reply_to": replies.name, "correlation_id": story}
        await platform.send("activate", NUMBER, id="c-1", properties=properties)
    async with working(database, settings):
        received = [await next_of(replies) for _ in range(2)]
        assert await platform.outcome("c-1") == ["PENDING", "ACTIVE"]

    assert [message.correlation_id for message in received] == ["first", "second"]
    assert [json.loads(message.body) for message in received] == platform.events[:1] * 2


async def test_worker_sends_no_answer_to_a_repeat_that_asks_for_none(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    replies = await platform.channel.declare_queue(exclusive=True)
    async with working(database, settings):
        await platform.send("activate", NUMBER, id="c-1", properties={"reply_to": replies.name})
        await platform.outcome("c-1")
        await platform.send("activate", NUMBER, id="c-1")
        await platform.send("activate", NUMBER, id="c-1", properties={"reply_to": "pbx.x"})
        await platform.send("deactivate", "+442079469999", id="last")
        await platform.outcome("last")

    assert await next_of(replies)
    assert await replies.get(fail=False) is None
    assert await rows(database, "SELECT 1 FROM outbox") == []


async def test_worker_dead_letters_a_message_to_the_dead_letter_queue_alone(
    database: Database, settings: Settings, platform: Platform
) -> None:
    others = await platform.channel.declare_queue(exclusive=True)
    async with working(database, settings):
        await platform.send_raw(b"forged", headers={"CC": [others.name]}, priority=9)
        letter = await platform.dead_letter()

    assert letter.headers["x-original-CC"] == [others.name]
    assert not letter.priority
    assert await others.get(fail=False) is None


async def test_worker_replies_to_a_queue_with_a_configured_prefix(
    database: Database, settings: Settings, platform: Platform
) -> None:
    replies = await platform.channel.declare_queue("answers.web-7", exclusive=True)
    answers: list[dict[str, Any]] = []
    await platform.collect(replies, answers)
    configured = settings.model_copy(update={"reply_prefixes": frozenset({"answers."})})
    async with working(database, configured):
        await platform.send("activate", NUMBER, properties={"reply_to": replies.name})
        await platform.until(lambda: answers)

    assert answers[0]["data"]["code"] == "NUMBER_UNKNOWN"


async def test_worker_answers_an_unreadable_command_at_direct_reply_to(
    database: Database, settings: Settings, platform: Platform
) -> None:
    answered: asyncio.Future[aio_pika.abc.AbstractIncomingMessage] = asyncio.Future()
    direct = await platform.channel.get_queue("amq.rabbitmq.reply-to", ensure=False)

    async def collect(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        answered.set_result(message)

    await direct.consume(collect, no_ack=True)
    async with working(database, settings):
        await platform.send_raw(
            json.dumps(MISSPELT).encode(),
            reply_to="amq.rabbitmq.reply-to",
            correlation_id="story-1",
        )
        answer = await asyncio.wait_for(answered, 30)
        letter = await platform.dead_letter()

    assert (answer.correlation_id, answer.type) == ("story-1", "telephony.message.unreadable.v1")
    message = MessageUnreadable.model_validate_json(answer.body)
    assert (message.data.id, message.data.source) == ("c-1", "/tests/web-tier")
    assert message.data.code == letter.headers["x-error-code"] == "INVALID"
    assert message.data.detail == letter.headers["x-error-detail"]
    assert "write 'expirytime'" in message.data.detail


@pytest.mark.parametrize(
    ("exchange", "routing_key"),
    [
        ("telephony.commands", "phone_number.activate"),
        ("telephony.pbx.results", "pbx.result"),
    ],
)
async def test_worker_names_an_unreadable_message_without_an_event_by_its_message_id(
    database: Database, settings: Settings, platform: Platform, exchange: str, routing_key: str
) -> None:
    replies = await platform.channel.declare_queue(exclusive=True)
    answers: list[dict[str, Any]] = []
    await platform.collect(replies, answers)
    target = await platform.channel.get_exchange(exchange, ensure=False)
    async with working(database, settings):
        message = aio_pika.Message(b"no json", message_id="m-1", reply_to=replies.name)
        await target.publish(message, routing_key)
        letter = await platform.dead_letter()
        await platform.until(lambda: answers)

    assert letter.body == b"no json"
    (answer,) = answers
    assert (answer["data"]["id"], answer["data"]["source"]) == ("m-1", None)
    assert answer["data"]["code"] == "NOT_JSON"
