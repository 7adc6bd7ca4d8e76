"""The dead-letter queue is missing, full or forbidden: nothing is lost, and good commands go on."""

import asyncio
import json
from collections import Counter
from typing import Any

import aio_pika
import pytest
from aio_pika import Message
from aio_pika.exceptions import ChannelNotFoundEntity
from structlog.testing import capture_logs

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import DEAD_LETTERS, Platform
from tests.support.servers.administration import Administration
from tests.support.workers import rows, store, until_leading, working
from worker.app.probes import probes_of
from worker.broker.connecting.connection import connect
from worker.broker.topology import declare
from worker.relay import dead_letter_relay, dead_letter_watch
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBERS = tuple(f"+44207946{index:04}" for index in range(1, 4))
SITE = (voice_service(5), phone_numbers(*NUMBERS))
UNROUTED = "telephony.commands.unrouted"
MORE_THAN_THE_PREFETCH = 620


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letter_watch, "INTERVAL_SECONDS", 0.2)
    monkeypatch.setattr(dead_letter_relay, "RETRY_LONGEST_SECONDS", 0.5)


@pytest.fixture
def passive(settings: Settings) -> Settings:
    """Settings of a worker that declares nothing."""
    return settings.model_copy(update={"declare_topology": False})


async def messages_in(platform: Platform, queue: str) -> int:
    declared = await platform.channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def until_dead_lettered(platform: Platform, messages: int) -> None:
    async with asyncio.timeout(60):
        while await messages_in(platform, DEAD_LETTERS) != messages:
            await asyncio.sleep(0.1)


async def until_stored(database: Database, messages: int) -> None:
    async with asyncio.timeout(60):
        while await rows(database, "SELECT count(*) FROM dead_letters") != [(messages,)]:
            await asyncio.sleep(0.1)


async def publish_unreadable(platform: Platform, messages: int) -> None:
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    bodies = (b"no json %d" % index for index in range(messages))
    await asyncio.gather(
        *(exchange.publish(Message(body), "phone_number.activate") for body in bodies)
    )


async def test_good_commands_pass_more_unreadable_ones_than_a_worker_may_hold(
    database: Database, passive: Settings, platform: Platform, amqp_url: str
) -> None:
    await store(database, *SITE)
    with capture_logs() as logs:
        async with working(database, passive) as worker:
            await until_leading(worker)
            await platform.channel.queue_delete(DEAD_LETTERS)
            await publish_unreadable(platform, MORE_THAN_THE_PREFETCH)
            command = await platform.send("activate", NUMBERS[0])
            assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
            await until_stored(database, MORE_THAN_THE_PREFETCH)
            assert await messages_in(platform, "telephony.phone_number.commands") == 0

            async with await connect([amqp_url]) as connection:
                await declare(connection)
            await until_dead_lettered(platform, MORE_THAN_THE_PREFETCH)
            await until_stored(database, 0)

    lines = Counter(line["event"] for line in logs)
    assert lines["message_unreadable"] < 200
    assert lines["dead_letters_refused"] <= 2
    left_out = sum(line.get("unlogged", 0) for line in logs)
    assert left_out + lines["message_unreadable"] <= MORE_THAN_THE_PREFETCH


async def test_stored_dead_letters_survive_the_worker_and_arrive_unchanged(
    database: Database, passive: Settings, platform: Platform, amqp_url: str
) -> None:
    headers = {"tenant": "é", "n": 7}
    properties: dict[str, Any] = {"reply_to": "x", "app_id": "web", "headers": headers}
    async with working(database, passive) as worker:
        await until_leading(worker)
        await platform.channel.queue_delete(DEAD_LETTERS)
        await platform.send_raw(b"\x00\xff", message_id="same", **properties)
        await platform.send_raw(b"second", message_id="same")
        await until_stored(database, 2)
    async with await connect([amqp_url]) as connection:
        await declare(connection)
    async with working(database, passive):
        letters = [await platform.dead_letter(), await platform.dead_letter()]

    first, second = sorted(letters, key=lambda letter: letter.body)
    assert (first.body, second.body) == (b"\x00\xff", b"second")
    assert (first.message_id, first.reply_to, first.app_id) == ("same", "x", "web")
    assert first.headers["tenant"] == "é"
    assert first.headers["n"] == 7
    assert first.headers["x-original-routing-key"] == "phone_number.activate"


async def test_worker_declares_a_deleted_dead_letter_queue_without_any_message(
    database: Database, settings: Settings, platform: Platform, amqp_url: str
) -> None:
    async with working(database, settings) as worker:
        await until_leading(worker)
        await platform.channel.queue_delete(DEAD_LETTERS)
        await platform.channel.exchange_delete(UNROUTED)
        async with asyncio.timeout(90):
            while not await routes_to_dead_letters(amqp_url):
                await asyncio.sleep(0.1)


async def test_worker_logs_that_the_letters_of_a_deleted_queue_are_lost(
    database: Database, settings: Settings, platform: Platform
) -> None:
    def problems() -> str:
        return " ".join(line.get("problem", "") for line in logs)

    with capture_logs() as logs:
        async with working(database, settings) as worker, asyncio.timeout(90):
            await until_leading(worker)
            while "Letters of a deleted queue are lost." not in problems():
                # One that is deleted while the worker declares it is not missed.
                await platform.channel.queue_delete(DEAD_LETTERS)
                await asyncio.sleep(0.5)

    assert f"no queue '{DEAD_LETTERS}'" in problems()
    assert "dead_letter_queue_restored" in {line["event"] for line in logs}


async def routes_to_dead_letters(amqp_url: str) -> bool:
    """Whether a command with a wrong routing key reaches the dead-letter queue."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("telephony.commands", ensure=False)
        await exchange.publish(Message(b"stray"), "phone_number.dance")
        try:
            queue = await channel.get_queue(DEAD_LETTERS)
            letter = await queue.get(fail=False, no_ack=True)
        except ChannelNotFoundEntity:
            return False
        return letter is not None and letter.routing_key == "phone_number.dance"


async def test_a_worker_that_may_not_declare_says_that_the_queue_is_missing(
    database: Database, passive: Settings, platform: Platform, amqp_url: str
) -> None:
    async with working(database, passive) as worker:
        ready = probes_of(database, worker)["dead_letters"]
        await until_leading(worker)
        assert await ready() is None
        await platform.channel.exchange_delete(UNROUTED)
        async with asyncio.timeout(90):
            while await ready() is None:
                await asyncio.sleep(0.1)
        assert "telephony.commands.unrouted" in str(worker.dead_letter_problem)
        async with await connect([amqp_url]) as connection:
            await declare(connection)
        async with asyncio.timeout(90):
            while await ready() is not None:
                await asyncio.sleep(0.1)


async def test_a_command_with_a_wrong_routing_key_is_kept_while_the_queue_is_missing(
    database: Database, passive: Settings, platform: Platform, amqp_url: str
) -> None:
    await platform.channel.queue_delete(DEAD_LETTERS)
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    await exchange.publish(Message(b"stray"), "phone_number.dance")
    async with working(database, passive):
        await until_stored(database, 1)
        async with await connect([amqp_url]) as connection:
            await declare(connection)
        letter = await platform.dead_letter()

    assert letter.body == b"stray"
    assert letter.headers["x-original-routing-key"] == "phone_number.dance"


async def test_a_dead_letter_that_finds_no_queue_is_not_carried_out(
    database: Database, passive: Settings, platform: Platform
) -> None:
    await store(database, *SITE)
    queue = await platform.channel.get_queue(DEAD_LETTERS)
    await queue.unbind(UNROUTED, "")
    body = json.dumps(
        {
            "specversion": "1.0",
            "id": "given-up",
            "source": "/tests/web-tier",
            "type": "telephony.phone_number.activate.v1",
            "data": {"phone_number": NUMBERS[0], "account_id": "acme", "site_id": "london"},
        }
    ).encode()
    given_up = {
        "x-original-exchange": "telephony.commands",
        "x-original-routing-key": "phone_number.activate",
        "x-error-code": "KILLS_THE_WORKER",
        "x-error-detail": "why",
    }
    exchange = await platform.channel.get_exchange(UNROUTED, ensure=False)
    await exchange.publish(Message(body, headers={**given_up}), "")
    async with working(database, passive):
        letter = await platform.dead_letter()

    kept = {name: letter.headers[name] for name in given_up}
    assert (letter.body, kept) == (body, given_up)
    assert await rows(database, "SELECT 1 FROM commands") == []


@pytest.mark.parametrize("more", [{}, {"overflow": "reject-publish"}], ids=["alone", "overflow"])
async def test_a_full_dead_letter_queue_loses_nothing_and_stops_no_command(
    database: Database,
    settings: Settings,
    platform: Platform,
    administration: Administration,
    more: dict[str, str],
) -> None:
    await store(database, *SITE)
    await administration.set_policy(f"^{DEAD_LETTERS}$", max_length=5, **more)
    async with working(database, settings) as worker:
        ready = probes_of(database, worker)["dead_letters"]
        await until_leading(worker)
        sent: list[bytes] = []
        # The broker applies a policy some time later.
        async with asyncio.timeout(90):
            while await ready() is None:
                sent.append(b"no json %d" % len(sent))
                await platform.send_raw(sent[-1])
                await asyncio.sleep(0.02)
        command = await platform.send("activate", NUMBERS[0])
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        await administration.clear_policy()
        await until_dead_lettered(platform, len(sent))
        await until_stored(database, 0)
        assert await ready() is None
        bodies = {(await platform.dead_letter()).body for _ in sent}

    assert bodies == {*sent}


async def test_a_dead_letter_waits_for_a_withdrawn_right(
    database: Database, passive: Settings, platform: Platform, administration: Administration
) -> None:
    await store(database, *SITE)
    url = await administration.add_user("^$", ".*", ".*")
    async with working(database, passive.model_copy(update={"amqp_urls": (url,)})) as worker:
        await until_leading(worker)
        await administration.permit(url, "^$", "^telephony.*", ".*")
        await platform.send_raw(b"no json")
        command = await platform.send("activate", NUMBERS[0])
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        async with asyncio.timeout(90):
            while not await rows(
                database, "SELECT 1 FROM dead_letters WHERE last_error LIKE '%amq.default%'"
            ):
                await asyncio.sleep(0.1)
        await administration.permit(url, "^$", ".*", ".*")

        assert (await platform.dead_letter()).body == b"no json"
