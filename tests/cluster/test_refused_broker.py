"""A broker that refuses ends the start of a worker; later the worker waits and reads its file."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.environments import WITHOUT_EVENT_LOG
from tests.support.platform import Platform
from tests.support.servers.running import broker_setting
from tests.support.workers import store, until_leading, working
from worker.app.run import supervisor
from worker.broker.connecting.connection import BrokerRefused
from worker.local import PrivateServers
from worker.settings import Settings, load
from worker.storage.connecting.engine import Database
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

USER = "rotating"
NUMBER = "+442079460001"


@pytest.fixture
async def rotating(servers: PrivateServers, amqp_url: str, tmp_path: Path) -> AsyncIterator[Path]:
    """The file with the URL of a user whose password is `old`."""
    await servers.rabbitmq.control("add_user", USER, "old")
    virtual_host = urlsplit(amqp_url).path[1:]
    await servers.rabbitmq.control("set_permissions", "-p", virtual_host, USER, ".*", ".*", ".*")
    file = tmp_path / "amqp_url"
    write(file, amqp_url.replace("guest:guest", f"{USER}:old"))
    yield file
    await servers.rabbitmq.control("delete_user", USER)


def settings_of(file: Path, database_url: str) -> Settings:
    urls = {"AMQP_URL_FILE": str(file), "DATABASE_URL": database_url}
    return load({**urls, **WITHOUT_EVENT_LOG})


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


async def test_a_worker_survives_a_rotated_password_and_reads_its_file_again(
    database: Database,
    database_url: str,
    platform: Platform,
    servers: PrivateServers,
    rotating: Path,
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    old_url = read(rotating)
    with capture_logs() as logged:
        async with working(database, settings_of(rotating, database_url)) as worker:
            await until_leading(worker)
            await servers.rabbitmq.control("change_password", USER, "new")
            await servers.rabbitmq.control("close_all_user_connections", USER, "rotated")
            command = await platform.send("activate", NUMBER)
            # Loud: at each attempt, not once.
            await until(lambda: sum(map(is_refusal, logged)) > 1)
            write(rotating, "half written")
            await until(lambda: "AMQP_URL_FILE: expected amqp://" in str(logged[-1]))
            write(rotating, old_url.replace(":old@", ":new@"))
            assert await platform.outcome(command) == ["PENDING", "ACTIVE"]

    refusals = [str(entry) for entry in logged if is_refusal(entry)]
    assert "ACCESS_REFUSED" in refusals[0]
    assert not any(":old@" in entry or ":new@" in entry for entry in refusals)


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def write(file: Path, url: str) -> None:
    file.write_text(url, encoding="utf-8")


def is_refusal(entry: object) -> bool:
    return "broker_refused" in str(entry)


async def test_a_broker_that_refuses_ends_the_start_of_a_worker(
    database: Database, settings: Settings, amqp_url: str
) -> None:
    wrong = settings.model_copy(update={"amqp_urls": (amqp_url.replace("test_", "nope_"),)})
    worker = supervisor(database, wrong, Reporter(Metrics()))

    with pytest.raises(BrokerRefused, match=r"vhost .* not found"):
        await asyncio.wait_for(worker.run(), 30)


async def test_too_few_channels_end_the_start_of_a_worker(
    database: Database, settings: Settings, servers: PrivateServers
) -> None:
    worker = supervisor(database, settings, Reporter(Metrics()))
    async with broker_setting(servers, "channel_max", 4):
        with pytest.raises(
            BrokerRefused, match=r"allows 4 channels .* needs up to 15: set channel"
        ):
            await asyncio.wait_for(worker.run(), 30)


async def test_enough_channels_for_one_partition_are_enough(
    database: Database, settings: Settings, servers: PrivateServers, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    async with broker_setting(servers, "channel_max", 15), working(database, settings):
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
