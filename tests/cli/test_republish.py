"""The command `republish` publishes snapshots for everyone who subscribes."""

import json

import pytest

from tests.support.command_line import Invoke
from tests.support.data.inserts import many_numbers, phone_numbers, voice_service
from tests.support.platform import Event, Platform
from tests.support.requester import numbers_of
from tests.support.workers import store
from worker.cli.exits import Exit
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"


async def pages_of(platform: Platform, pages: int) -> list[Event]:
    """The payloads of the snapshot that was published."""
    await platform.until(lambda: len(platform.events) >= pages)
    assert {event["type"] for event in platform.events} == {"telephony.phone_number.snapshot.v1"}
    return [event["data"] for event in platform.events]


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (("--number", NUMBER), [NUMBER]),
        (("--account", "acme", "--site", "london"), [NUMBER]),
        (("--site", "london"), [NUMBER, "+442079460002"]),
        (("--all",), [NUMBER, "+442079460002", "+442079460003"]),
    ],
)
async def test_republish_publishes_the_numbers_that_are_chosen(
    invoke: Invoke,
    database: Database,
    platform: Platform,
    options: tuple[str, ...],
    numbers: list[str],
) -> None:
    await store(
        database,
        voice_service(2),
        phone_numbers(NUMBER),
        phone_numbers("+442079460002", account_id="zenith"),
        phone_numbers("+442079460003", site_id="paris"),
    )

    result = await invoke("republish", *options)

    counted = "1 number" if len(numbers) == 1 else f"{len(numbers)} numbers"
    assert (result.exit_code, result.output) == (
        Exit.DONE,
        f"{counted} published, in 1 page\n",
    )
    (page,) = await pages_of(platform, 1)
    assert numbers_of([page]) == numbers
    assert (page["entitlement"] is not None) is ("--account" in options)


async def test_republish_publishes_many_numbers_in_pages_of_one_moment(
    invoke: Invoke, database: Database, platform: Platform
) -> None:
    await store(database, many_numbers(1, 250))

    result = await invoke("republish", "--all", "--json")

    assert json.loads(result.stdout) == {"numbers": 250, "pages": 3, "had_subscribers": True}
    pages = await pages_of(platform, 3)
    assert [page["page"] for page in pages] == [1, 2, 3]
    assert len({page["as_of"] for page in pages}) == 1
    assert len({*numbers_of(pages)}) == 250
    assert len({event["id"] for event in platform.events}) == 3


async def test_republish_publishes_nothing_if_no_number_matches(
    invoke: Invoke, database: Database, platform: Platform
) -> None:
    await store(database, phone_numbers(NUMBER))

    result = await invoke("republish", "--number", "+442079469999")

    assert result.exit_code == Exit.NOT_FOUND
    assert "nothing was published" in result.output
    assert platform.events == []


async def test_republish_says_that_no_queue_is_bound(invoke: Invoke, database: Database) -> None:
    await store(database, phone_numbers(NUMBER))

    result = await invoke("republish", "--all")

    assert result.exit_code == Exit.DONE
    assert "No queue is bound to telephony.events for phone_number.snapshot" in result.output


async def test_republish_names_a_missing_exchange(
    invoke: Invoke, database: Database, platform: Platform
) -> None:
    await store(database, phone_numbers(NUMBER))
    await platform.channel.exchange_delete("telephony.events")

    result = await invoke("republish", "--all")

    assert result.exit_code == Exit.NOT_READY
    assert "Run `activation-worker topology`." in result.output
