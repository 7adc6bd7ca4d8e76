"""The page about the event log: its program replays from a time and from an offset."""

import asyncio
import os
import re
import sys
from datetime import UTC, datetime, timedelta

import pytest
from activation_contracts.documents.folder import DOCUMENTS
from activation_contracts.examples import EXAMPLES

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.event_log import (
    declare_short_log,
    fill_segments,
    first_offset,
    logged,
    publish,
)
from tests.support.platform import Platform, platform_at
from tests.support.workers import store, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database

__all__ = ["logged"]

PAGE = DOCUMENTS / "event-log.md"
TIMEOUT_SECONDS = 60
NUMBERS = ("+442079460201", "+442079460202")
FIRST = ["+442079460201 PENDING 1", "+442079460201 ACTIVE 2"]
SECOND = ["+442079460202 PENDING 1", "+442079460202 ACTIVE 2"]


async def replayed(amqp_url: str, start: str) -> list[str]:
    """What the program prints that begins here."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, start),
        env={**os.environ, "AMQP_URL": amqp_url},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    assert process.returncode == 0
    return output.decode().splitlines()


@pytest.fixture
async def between(database: Database, logged: Settings, amqp_url: str) -> datetime:
    """Two activations whose only subscriber left before them; returns a time between the two."""
    await store(database, voice_service(2), phone_numbers(*NUMBERS))
    async with working(database, logged), platform_at(amqp_url) as platform:
        first = await platform.send("activate", NUMBERS[0])
        assert await platform.outcome(first) == ["PENDING", "ACTIVE"]
        # AMQP counts whole seconds.
        await asyncio.sleep(1.1)
        moment = datetime.now(UTC)
        await asyncio.sleep(1.1)
        second = await platform.send("activate", NUMBERS[1])
        assert await platform.outcome(second) == ["PENDING", "ACTIVE"]
    return moment


async def test_the_program_replays_from_the_beginning_a_time_and_an_offset(
    amqp_url: str, between: datetime
) -> None:
    page = PAGE.read_text(encoding="utf-8")
    starts = (
        *re.findall(r"^    .* replay\.py (\S+)", page, re.MULTILINE),
        *(between.isoformat(), "1", "3", (between - timedelta(days=30)).isoformat(), "4", "5"),
    )
    (
        everything,
        _,
        beyond_the_end,
        from_time,
        from_second,
        from_last,
        from_old_time,
        from_the_end,
        just_beyond_the_end,
    ) = await asyncio.gather(*(replayed(amqp_url, start) for start in starts))

    assert everything == [*FIRST, *SECOND, "NEXT 4"]
    assert from_time == [*SECOND, "NEXT 4"]
    assert from_second == [FIRST[1], *SECOND, "NEXT 4"]
    assert from_last == [SECOND[1], "NEXT 4"]
    assert from_old_time == everything
    assert from_the_end == ["NEXT 4"]
    assert beyond_the_end == ["BEYOND 4712", *everything]
    assert just_beyond_the_end == ["BEYOND 5", *everything]


@pytest.mark.usefixtures("logged")
async def test_the_program_knows_an_offset_of_an_earlier_log_while_the_log_is_empty(
    amqp_url: str,
) -> None:
    assert await replayed(amqp_url, "1000") == ["BEYOND 1000", "NEXT None"]
    assert await replayed(amqp_url, "0") == ["NEXT 0"]


@pytest.mark.campaign
async def test_the_program_names_the_part_that_the_log_does_not_have_any_more(
    amqp_url: str, platform: Platform
) -> None:
    await declare_short_log(platform.channel)
    for _ in range(2):
        await fill_segments(platform.channel)
    oldest = await first_offset(amqp_url)

    assert oldest > 0
    assert (await replayed(amqp_url, "0"))[0] == f"MISSING 0 to {oldest - 1}"


@pytest.mark.usefixtures("logged")
async def test_the_program_drops_a_repeated_event(amqp_url: str, platform: Platform) -> None:
    event = EXAMPLES["telephony.phone_number.status_changed.v1"].encode()
    await publish(platform.channel, event, event)

    assert len(await replayed(amqp_url, "first")) == len(["a status", "NEXT 2"])
