"""Reports: the answer in pages, whatever becomes of the requester, the worker or the servers."""

import asyncio
import json
from typing import Any

import aio_pika
import pytest

from tests.support.data.inserts import many_numbers, phone_numbers, voice_service
from tests.support.faults.lossy import until_any
from tests.support.partitions import change
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.requester import Requester, numbers_of, requester
from tests.support.workers import rows, store, until_leading, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
REPORTS = "telephony.phone_number.reports"
OF_ANOTHER_CLUSTER = (
    "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAyNzc5NjQyMAAAC1oAAAAAZo4bIw==.+Uvn1EmAp0ZA+oQx2yoQFA=="
)
"""A direct reply-to address. RabbitMQ 3.10 closes a connection that publishes a reply to it."""


async def waiting_reports(platform: Platform) -> int:
    queue = await platform.channel.declare_queue(REPORTS, passive=True)
    return queue.declaration_result.message_count or 0


async def until_answered(ask: Requester) -> None:
    """Waits until all earlier reports are done with: they are answered in order."""
    assert len(await ask.answer_to(phone_number=NUMBER)) == 1


async def test_worker_answers_a_report_about_one_number(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, phone_numbers(NUMBER, "+442079460002", extension="101"))
    ask = await requester(platform)
    async with working(database, settings):
        (page,) = await ask.answer_to(phone_number=NUMBER)

    assert page["numbers"] == [
        {
            "phone_number": NUMBER,
            "account_id": "acme",
            "site_id": "london",
            "extension": "101",
            "status": "RESERVED",
            "sequence": 0,
            "main_number": False,
            "assigned": False,
            "operation": None,
        }
    ]
    assert (page["page"], page["pages"], page["entitlement"]) == (1, 1, None)


async def test_worker_answers_in_pages_with_the_properties_of_the_envelope(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(9), many_numbers(1, 250))
    replies = await platform.channel.declare_queue(exclusive=True)
    ask = Requester(platform, replies.name)
    async with working(database, settings):
        await ask.ask({"account_id": "acme", "site_id": "london"}, id="r-1")
        messages = [await one_from(replies) for _ in range(3)]

    pages = [json.loads(message.body) for message in messages]
    assert [len(page["data"]["numbers"]) for page in pages] == [100, 100, 50]
    assert [page["data"]["page"] for page in pages] == [1, 2, 3]
    assert {page["data"]["as_of"] for page in pages} == {pages[0]["time"]}
    assert len(set(numbers_of([page["data"] for page in pages]))) == 250
    assert pages[0]["data"]["entitlement"] == {"limit": 9, "active": 0, "pending": 0}
    for message, page in zip(messages, pages, strict=True):
        assert (message.message_id, message.type) == (page["id"], page["type"])
        assert message.content_type == "application/cloudevents+json"
        assert (message.correlation_id, page["correlationid"]) == ("of-r-1", "r-1")


async def one_from(queue: aio_pika.abc.AbstractQueue) -> aio_pika.abc.AbstractIncomingMessage:
    async with asyncio.timeout(90):
        while (message := await queue.get(fail=False)) is None:
            await asyncio.sleep(0.02)
    return message


async def test_worker_answers_with_an_empty_page_if_no_number_matches(
    database: Database, settings: Settings, platform: Platform
) -> None:
    ask = await requester(platform)
    async with working(database, settings):
        (page,) = await ask.answer_to(account_id="nobody", site_id="nowhere")

    assert (page["numbers"], page["pages"]) == ([], 1)
    assert page["entitlement"] == {"limit": 0, "active": 0, "pending": 0}


async def test_worker_answers_at_direct_reply_to(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, many_numbers(1, 250))
    direct = await platform.channel.get_queue("amq.rabbitmq.reply-to", ensure=False)
    ask = Requester(platform, "amq.rabbitmq.reply-to")
    await platform.collect(direct, ask.received)
    async with working(database, settings):
        pages = await ask.answer_to(site_id="london")

    assert len(numbers_of(pages)) == 250


async def test_worker_stops_answering_a_requester_that_is_gone(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, phone_numbers(NUMBER))
    ask = await requester(platform)
    async with working(database, settings):
        await ask.ask({"site_id": "london"}, reply_to="reply.of-nobody")
        await ask.ask({"site_id": "london"}, reply_to="amq.gen-JzTY20BRgKO")
        await until_answered(ask)

    assert await waiting_reports(platform) == 0
    dead_letters = await platform.channel.get_queue(DEAD_LETTERS, ensure=False)
    assert await dead_letters.get(fail=False) is None


async def test_worker_sends_no_report_into_a_queue_of_others_and_counts_it(
    database: Database, settings: Settings, platform: Platform
) -> None:
    ask = await requester(platform)
    async with working(database, settings):
        await ask.ask({"site_id": "london"}, reply_to="pbx.extension-reset")
        await until_answered(ask)

    assert platform.pbx_messages == []
    assert await waiting_reports(platform) == 0


@pytest.mark.parametrize("reply_to", [None, ""])
async def test_worker_dead_letters_a_report_that_names_no_queue_for_the_answer(
    database: Database, settings: Settings, platform: Platform, reply_to: str | None
) -> None:
    ask = await requester(platform)
    async with working(database, settings):
        await ask.ask({"site_id": "london"}, reply_to=reply_to)
        letter = await platform.dead_letter()

    assert letter.headers["x-error-code"] == "INVALID"
    assert "the AMQP property reply_to is missing" in str(letter.headers["x-error-detail"])
    assert letter.headers["x-original-routing-key"] == "phone_number.report"


@pytest.mark.parametrize(
    ("data", "problem"),
    [({}, "give at least one of"), ({"site_id": "lon don"}, "data.site_id: String should match")],
)
async def test_worker_answers_a_report_that_it_cannot_read(
    database: Database,
    settings: Settings,
    platform: Platform,
    data: dict[str, Any],
    problem: str,
) -> None:
    ask = await requester(platform)
    async with working(database, settings):
        identifier = await ask.ask(data)
        await platform.until(lambda: ask.received)
        letter = await platform.dead_letter()

    (answer,) = ask.received
    assert answer["type"] == "telephony.message.unreadable.v1"
    assert (answer["data"]["id"], answer["data"]["code"]) == (identifier, "INVALID")
    assert problem in answer["data"]["detail"]
    assert letter.headers["x-error-code"] == "INVALID"


async def test_worker_keeps_its_session_when_a_report_ends_a_connection(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, phone_numbers(NUMBER))
    ask = await requester(platform)
    async with working(database, settings) as worker:
        await until_leading(worker)
        terms = await rows(database, "SELECT term FROM leadership")
        await ask.ask({"site_id": "london"}, reply_to=OF_ANOTHER_CLUSTER)
        await until_answered(ask)
        assert await rows(database, "SELECT term FROM leadership") == terms


async def test_a_report_waits_for_the_database_and_is_answered_once_it_is_back(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, many_numbers(1, 2000))
    end_sessions = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND query LIKE '%fetch_snapshot%'"""
    ask = await requester(platform)
    async with working(database, settings) as worker:
        await until_leading(worker)
        identifier = await ask.ask({"site_id": "london"})
        await until_any(database, end_sessions)
        assert len(numbers_of(await ask.answer(identifier))) == 2000


async def test_a_worker_that_stops_in_a_report_leaves_it_to_the_next_one(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, many_numbers(1, 20_000))
    ask = await requester(platform)
    async with working(database, settings):
        identifier = await ask.ask({"site_id": "london"})
        await platform.until(lambda: ask.received)
    begun = list(ask.received)
    assert len(begun) < 200
    async with working(database, settings):
        pages = await ask.answer(identifier)

    assert len(numbers_of(pages)) == 20_000
    moments = {page["as_of"] for page in pages}
    assert len(moments) == 1
    assert moments.isdisjoint(event["data"]["as_of"] for event in begun)
    assert await rows(database, "SELECT 1 FROM poison_attempts") == []


async def test_the_worker_with_the_router_answers_reports_about_all_partitions(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await change(settings, 2)
    await store(database, phone_numbers(NUMBER), phone_numbers("+442079460002", site_id="paris"))
    ask = await requester(platform)
    async with working(database, settings):
        (page,) = await ask.answer_to(account_id="acme")

    assert [number["site_id"] for number in page["numbers"]] == ["london", "paris"]
