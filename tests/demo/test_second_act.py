"""The second act of the demo shows what it says, or fails."""

import asyncio
import os
import re
import sys

import aio_pika
import pytest

from tests.support.event_log import logged
from tests.support.workers import store, until_leading, working
from worker.demo.__main__ import DemoFailed, run_to_end
from worker.demo.latecomer import State, replay
from worker.demo.sample import MEMBER, records
from worker.operator.importing.import_records import import_chunks
from worker.operator.importing.jsonl import read_chunks
from worker.settings import Settings
from worker.storage.connecting.engine import Database

__all__ = ["logged"]

SECOND_ACT, LATECOMER = "worker.demo.second_act", "worker.demo.latecomer"
TIMEOUT_SECONDS = 90


@pytest.fixture
async def sample(logged: Settings) -> Settings:
    """Settings of a worker that keeps an event log; the sample site is imported."""
    await import_chunks(logged.database_url, read_chunks(records()))
    return logged


async def run(module: str, amqp_url: str) -> tuple[int | None, str]:
    """The exit code and the output of a part of the demo."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module),
        env={**os.environ, "AMQP_URL": amqp_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    return process.returncode, output.decode()


@pytest.mark.campaign  # `make demo` shows it as well
async def test_second_act_shows_the_platform_at_work_and_a_late_subscriber_knows_all(
    database: Database, sample: Settings, amqp_url: str
) -> None:
    async with working(database, sample) as worker:
        await until_leading(worker)
        code, output = await run(SECOND_ACT, amqp_url)
        late_code, late_output = await run(LATECOMER, amqp_url)

    labels = [text.strip() for text in re.findall(r"^ *[\d.]+ s  (.{12})", output, re.MULTILINE)]
    # What the worker is told and what it says come from different publishers, in no certain order;
    # on a slow machine the number may leave its group before the join is recorded as done.
    told = [label for label in labels if label not in {"COMMAND", "DIRECTORY", "aftermath"}]
    assert (code, told) == (
        0,
        [
            *("rejected", "PENDING", "ACTIVE", "to the PBX"),
            *("PENDING", "to the PBX", "RESERVED"),
        ],
    ), output
    assert labels.count("DIRECTORY") == 2
    assert late_code == 0, late_output
    course = "PENDING (1) -> ACTIVE (2) -> PENDING (3) -> RESERVED (4)"
    assert f"{MEMBER}, with its sequence: {course}\n" in late_output


async def test_second_act_fails_if_the_number_is_not_refused(
    database: Database, sample: Settings, amqp_url: str
) -> None:
    await store(database, "UPDATE voice_services SET quantity = 9 WHERE account_id = 'echo'")
    async with working(database, sample) as worker:
        await until_leading(worker)
        code, output = await run(SECOND_ACT, amqp_url)

    assert code == 1
    assert f"Not shown: activate {MEMBER} ended with ACTIVE, not ENTITLEMENT_EXHAUSTED." in output


async def test_demo_fails_if_a_part_of_it_fails() -> None:
    with pytest.raises(DemoFailed, match="worker ended with 2"):
        await run_to_end(os.environ, "worker", "no-such-command")


@pytest.mark.usefixtures("logged")
async def test_late_subscriber_does_not_end_before_the_log_says_what_the_report_says(
    amqp_url: str,
) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await replay(channel, {MEMBER: State("ACTIVE", 2)})
