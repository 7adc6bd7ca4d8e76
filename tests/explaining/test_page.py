"""The page over HTTP: what it shows, to whom, and what it never does."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from tests.support.data.inserts import commands, operation, phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.explaining.page import server
from worker.explaining.page.server import Page
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.telemetry.http import serve
from worker.telemetry.metrics import Metrics

NUMBER = "+442079460001"
FAILED = "+442079460002"
HOSTILE = "<script>alert('x')</script>\x1b[2J\u202e\"onload=\"x"


class Worker:
    """A worker that knows these depths."""

    def __init__(self, depths: Mapping[str, int] | None) -> None:
        self.depths = depths

    async def queue_depths(self, queues: Iterable[str]) -> Mapping[str, int] | None:
        if self.depths is None:
            return None
        return {name: self.depths.get(name, 0) for name in queues}


@asynccontextmanager
async def shown(
    database: Database,
    *,
    is_local: bool = True,
    depths: Mapping[str, int] | None = None,
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a served page."""
    page = Page(database, Worker(depths), is_local=is_local)
    async with (
        serve("127.0.0.1", 0, {}, Metrics(), routes=page.routes()) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client,
    ):
        yield client


async def read(client: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, str]:
    async with client.get(path, headers=headers) as response:
        return response.status, await response.text()


async def test_a_number_page_answers_why_the_number_is_not_active(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(0), phone_numbers(NUMBER))
    async with working(database, settings):
        command = await platform.send("activate", NUMBER, requested_by="ann")
        assert await platform.outcome(command) == ["ENTITLEMENT_EXHAUSTED"]
    async with shown(database) as client:
        status, text = await read(client, f"/numbers/{NUMBER}")

    assert status == 200
    assert re.search(
        "Not active: the last activation was refused at [^<]+ UTC, ENTITLEMENT_EXH", text
    )
    assert "0 bought - 0 active - 0 pending = 0 free" in text
    assert re.search(r"activate refused, ENTITLEMENT_EXHAUSTED</span> by ann", text)


async def test_the_timeline_holds_what_a_pbx_answered_and_what_was_asked_again(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    waiting = settings.model_copy(
        update={"awaited_steps": frozenset({"activation"}), "step_first_pause_seconds": 0.05}
    )
    async with working(database, waiting):
        command = await platform.send("activate", NUMBER)
        await platform.until(lambda: platform.events)
        step = platform.events[0]["id"]
        await platform.answer(step, "retry_later", code="BUSY")
        await platform.until(lambda: len(platform.events) >= 2)
        await platform.answer(step, "done")
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
    async with shown(database) as client:
        _, text = await read(client, f"/numbers/{NUMBER}")

    for words in (
        "activation requested",
        "activation published",
        "the PBX answers retry_later, BUSY",
        "activation asked again, attempt 2",
        "the PBX answers done",
        "activate completed, ACTIVE",
    ):
        assert words in text


async def test_the_overview_shows_what_is_late_refused_dead_lettered_and_short(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    async with working(database, settings) as worker:
        await until_leading(worker)
        await platform.send_raw(b"nonsense")
        async with asyncio.timeout(90):
            while not await rows(database, "SELECT FROM dead_letter_log"):
                await asyncio.sleep(0.05)
    await store(
        database,
        f"UPDATE phone_numbers SET status = 'PENDING' WHERE phone_number = '{NUMBER}'",
        phone_numbers(FAILED),
        operation(FAILED, aftermath="compensation"),
        operation(NUMBER, at_risk_at="2026-01-01T00:01Z", deadline="2026-01-01T00:05Z"),
        commands(1, "no", outcome="rejected", refusal="NUMBER_ASSIGNED", detail="A person has it."),
        "UPDATE intake SET paused_at = now(), paused_by = 'Ada', reason = 'maintenance'",
        """INSERT INTO dead_letters (properties, body, stored_at, attempts, last_error)
        VALUES ('', '', now(), 3, 'it is full')""",
    )
    depths = {"telephony.phone_number.commands": 1234}
    async with shown(database, depths=depths) as client:
        status, text = await read(client, "/")

    assert status == 200
    for words in (
        "The intake is paused",
        "by Ada: maintenance",
        "The dead-letter queue refuses 1 dead letters",
        "They wait in the database: it is full.",
        "<b>1,234</b><span>commands wait</span>",
        "<b>1</b><span>operations under way</span>",
        "<b>1</b><span>ended, and left something to do</span>",
        "past its deadline",
        f'<a href="/numbers/{NUMBER}" class="number">{NUMBER}</a>',
        "NUMBER_ASSIGNED",
        "NOT_JSON",
        '<span class="badge waiting">0</span>',
    ):
        assert words in text


async def test_the_overview_counts_an_operation_that_needs_an_operator_before_its_deadline(
    database: Database,
) -> None:
    await store(
        database,
        phone_numbers(NUMBER, "+442079460002", status="PENDING"),
        operation(NUMBER, operation="deactivate", failure_code="PBX_REFUSED"),
        operation("+442079460002", aftermath="compensation", failure_code="PBX_REFUSED"),
    )
    async with shown(database) as client:
        _, text = await read(client, "/")

    assert '<li class="bad"><b>2</b><span>need an operator</span></li>' in text


async def test_text_of_others_is_escaped_on_each_page(database: Database) -> None:
    quoted = HOSTILE.replace("'", "''")
    await store(
        database,
        voice_service(1),
        phone_numbers(NUMBER, label=HOSTILE, extension=HOSTILE),
        commands(
            1,
            "no",
            phone_number=NUMBER,
            outcome="rejected",
            refusal="NUMBER_ASSIGNED",
            detail=HOSTILE,
            requested_by=HOSTILE,
        ),
        f"""INSERT INTO dead_letter_log (dead_lettered_at, code, detail, queue, phone_number)
        VALUES (now(), '{quoted}', '{quoted}', '{quoted}', '{NUMBER}')""",
    )
    async with shown(database) as client:
        pages = [
            (await read(client, path))[1]
            for path in ("/", f"/numbers/{NUMBER}", "/numbers/%3Cscript%3Ealert(1)")
        ]

    for text in pages:
        assert text.count("<script>") == 1  # our own
        assert "&lt;script&gt;alert" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert '"onload="' not in text


@pytest.mark.parametrize(
    ("typed", "target"),
    [
        ("%2B442079460001", "/numbers/+442079460001"),
        ("+44+20+7946+0001", "/numbers/+442079460001"),
        ("%2B44+(20)+7946-0001", "/numbers/+442079460001"),
        ("//evil.example", "/numbers/+evilexample"),
        ("%0d%0aX:y", "/numbers/+X%3Ay"),
    ],
)
async def test_the_search_field_leads_to_the_page_of_a_number(
    database: Database, typed: str, target: str
) -> None:
    async with shown(database) as client:
        search = URL(f"/numbers?number={typed}", encoded=True)
        async with client.get(search, allow_redirects=False) as found:
            assert (found.status, found.headers["Location"]) == (303, target)


async def test_an_unknown_number_is_said_to_be_unknown(database: Database) -> None:
    async with shown(database) as client:
        for path in ("/numbers/+442079460999", "/numbers/nonsense"):
            status, text = await read(client, path)
            assert status == 404
            assert "This number is not provisioned" in text


async def test_the_browser_is_told_to_run_and_load_nothing_else(database: Database) -> None:
    async with shown(database) as client, client.get("/") as response:
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8080"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "numbers.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"X-Forwarded-For": "203.0.113.7"}, 403),
        ({"Forwarded": "for=203.0.113.7"}, 403),
    ],
)
async def test_a_local_page_answers_this_machine_alone(
    database: Database, headers: dict[str, str], status: int
) -> None:
    async with shown(database) as client:
        assert (await read(client, "/", **headers))[0] == status
    async with shown(database, is_local=False) as client:
        assert (await read(client, "/", **headers))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_the_page_only_reads(database: Database, method: str) -> None:
    async with shown(database) as client:
        for path in ("/", f"/numbers/{NUMBER}"):
            async with client.request(method, path) as response:
                assert response.status == 405


async def test_a_database_that_is_away_is_named_without_its_secrets() -> None:
    async with (
        open_database("postgresql://worker:hunter2@127.0.0.1:1/nowhere") as database,
        shown(database) as client,
    ):
        number_status, number = await read(client, f"/numbers/{NUMBER}")
        _, overview = await read(client, "/")

    assert number_status == 503
    assert "The database cannot be read" in number
    assert "The database does not answer in time" in overview
    assert "hunter2" not in number + overview


async def test_a_query_that_waits_for_a_lock_is_given_up_and_the_others_are_shown(
    database: Database, database_url: str
) -> None:
    async with (
        open_database(database_url) as other,
        other.transaction() as locking,
        shown(database) as client,
    ):
        await locking.driver.execute("LOCK TABLE dead_letter_log IN ACCESS EXCLUSIVE MODE")
        status, text = await read(client, "/")

    assert status == 200
    assert text.count("It could not be read in time") == 1


async def test_too_many_readers_are_turned_away_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOKERS_MAXIMUM", 1)
    async with shown(database) as client:
        answers = await asyncio.gather(
            *(read(client, f"/numbers/+44207946{place:04}") for place in range(6))
        )

    assert sorted({status for status, _ in answers}) == [404, 503]
    assert any("Too many look at this page at once" in text for _, text in answers)
