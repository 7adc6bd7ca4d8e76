"""The page as a real browser shows it, on a phone and on a desk, by day and by night."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from tests.explaining.test_page import HOSTILE, NUMBER, Worker
from tests.support.browser import Browser, chromium
from tests.support.data.inserts import commands, operation, phone_numbers, voice_service
from tests.support.workers import store
from worker.explaining.page.server import Page
from worker.storage.connecting.engine import Database
from worker.telemetry.http import serve
from worker.telemetry.metrics import Metrics

WIDTHS = (360, 1280)
TOO_WIDE = """
const page = document.documentElement
return page.scrollWidth <= innerWidth ? [] : [`${page.scrollWidth} wide in ${innerWidth}`]
"""
IS_LIGHT = """
return [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]
    .map(it => it.match(/[0-9]+/)[0] > 127)
"""
PATH = "return location.pathname"
LONG = "W" * 128


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
async def address(database: Database) -> AsyncIterator[str]:
    """The address of a page about a number with hostile, long and many texts."""
    refused = {"phone_number": NUMBER, "outcome": "rejected", "refusal": "NUMBER_ASSIGNED"}
    await store(
        database,
        voice_service(1, LONG[:64]),
        voice_service(2),
        phone_numbers(NUMBER, label=LONG, status="PENDING"),
        operation(NUMBER, requested_by=LONG, at_risk_at="2026-01-01T00:01Z"),
        commands(30, "long", **refused, detail=LONG * 3, requested_by=LONG),
        commands(1, "hostile", **refused, detail=HOSTILE, requested_by=HOSTILE),
    )
    page = Page(database, Worker({}), is_local=True)
    async with serve("127.0.0.1", 0, {}, Metrics(), routes=page.routes()) as port:
        yield f"http://127.0.0.1:{port}"


async def test_pages_fit_ask_for_nothing_else_and_run_nothing_of_others(
    browser: Browser, address: str
) -> None:
    for path in ("/", f"/numbers/{NUMBER}"):
        for width in WIDTHS:
            for dark in (False, True):
                page = address + path
                await asyncio.to_thread(browser.open, page, width=width, dark=dark)
                found = await asyncio.to_thread(browser.run, TOO_WIDE)
                found += await asyncio.to_thread(browser.console)
                found += [it for it in await asyncio.to_thread(browser.requested) if it != page]

                assert found == [], (path, width, dark)
                assert await asyncio.to_thread(browser.run, IS_LIGHT) == [dark, not dark]


async def test_a_page_that_is_open_shows_what_has_changed_by_itself(
    browser: Browser, address: str, database: Database
) -> None:
    await asyncio.to_thread(browser.open, f"{address}/numbers/{NUMBER}", width=1280)
    await store(
        database,
        "DELETE FROM operations",
        f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number = '{NUMBER}'",
    )
    await until_shown(browser, "ACTIVE")

    assert await asyncio.to_thread(browser.console) == []


async def test_a_page_behind_a_login_shows_what_has_changed_by_itself(
    browser: Browser, database: Database
) -> None:
    await store(database, phone_numbers(NUMBER, status="RESERVED"))
    routes = behind_a_login(Page(database, Worker({}), is_local=True).routes())
    async with serve("127.0.0.1", 0, {}, Metrics(), routes=routes) as port:
        page = f"http://127.0.0.1:{port}/login?to={quote(f'/numbers/{NUMBER}')}"
        await asyncio.to_thread(browser.open, page, width=1280)
        await store(
            database,
            f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number = '{NUMBER}'",
        )
        await until_shown(browser, "ACTIVE")


async def until_shown(browser: Browser, status: str) -> None:
    shown = "return document.querySelector('h1 .badge').textContent"
    async with asyncio.timeout(60):
        while await asyncio.to_thread(browser.run, shown) != status:
            await asyncio.sleep(0.2)


def behind_a_login(routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """The routes as a proxy with a login shows them, and /login, which sets its cookie."""

    async def log_in(request: web.Request) -> web.Response:
        answer = web.Response(status=302, headers={"Location": request.query["to"]})
        answer.set_cookie("session", "of Ada")
        return answer

    def guarded(handle: Any) -> Any:
        async def guard(request: web.Request) -> web.StreamResponse:
            if "session" not in request.cookies:
                return web.Response(
                    text="<main><h1><b class=badge>Log in</b></h1></main>",
                    content_type="text/html",
                    status=403,
                )
            response: web.StreamResponse = await handle(request)
            return response

        return guard

    guards = [web.get(route.path, guarded(route.handler)) for route in routes]
    return [web.get("/login", log_in), *guards]


async def test_the_search_field_finds_a_number(browser: Browser, address: str) -> None:
    await asyncio.to_thread(browser.open, address, width=360)
    search = f"""
    document.querySelector('input').value = '{NUMBER[:3]} {NUMBER[3:]}'
    document.querySelector('button').click()
    """
    await asyncio.to_thread(browser.run, search)
    async with asyncio.timeout(60):
        while (
            await asyncio.to_thread(browser.run, "return location.pathname") != f"/numbers/{NUMBER}"
        ):
            await asyncio.sleep(0.1)
