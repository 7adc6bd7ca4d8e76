"""Answers requests for the page: read-only, one look at the database at a time."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final, Protocol
from urllib.parse import quote

from aiohttp import web

from worker.explaining.directory import never_provisioned
from worker.explaining.page.html import tag
from worker.explaining.page.layout import HEADERS, document
from worker.explaining.page.number import missing_page, number_page
from worker.explaining.page.overview import QUEUES, overview_page
from worker.explaining.reading import LOOKING, read_missing, read_number, read_overview
from worker.storage.connecting.engine import Database
from worker.storage.gauges import DATABASE_FAILURES

__all__ = ["Page", "QueueDepths"]

NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
TYPED_BETWEEN: Final = re.compile(r"[\s().\-/]")
LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")
"""Headers of a proxy: its clients are not on this machine."""
OVERVIEW_LASTS_SECONDS: Final = 2.0
LOOK_TIMEOUT_SECONDS: Final = 8.0
DEPTHS_TIMEOUT_SECONDS: Final = 2.0
LOOKERS_MAXIMUM: Final = 8
"""Requests that wait for the one look at the database; more are turned away at once."""
NOT_HERE: Final = (
    "This page answers only programs on the machine of the worker. Reach it through"
    " `ssh -L` or `kubectl port-forward`, as http://localhost:PORT/, or set WORKER_PAGE."
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class QueueDepths(Protocol):
    """A worker that knows the broker."""

    def queue_depths(self, queues: Iterable[str]) -> Coroutine[Any, Any, Mapping[str, int] | None]:
        """How many messages are ready in these queues; None if the broker does not say."""


class Busy(Exception):
    """Too many look at the page."""


class Page:
    """The page of one worker."""

    def __init__(self, database: Database, worker: QueueDepths, *, is_local: bool) -> None:
        """`database` is a pool for the page alone. `is_local`: others than this machine get 403."""
        self._database = database
        self._worker = worker
        self._is_local = is_local
        self._looking = asyncio.Lock()
        self._lookers = 0
        self._overview = ""
        self._overview_until = 0.0
        self._asking: asyncio.Task[Mapping[str, int] | None] | None = None

    def routes(self) -> list[web.RouteDef]:
        """The routes: `/`, `/numbers` for the search field, and one for each number."""
        return [
            web.get("/", self._answering(self._show_overview)),
            web.get("/numbers", self._answering(self._search)),
            web.get("/numbers/{number}", self._answering(self._show_number)),
        ]

    def _answering(self, handle: Handler) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            if self._is_local and not _is_local(request):
                return web.Response(text=NOT_HERE, status=HTTPStatus.FORBIDDEN, headers=HEADERS)
            try:
                return await handle(request)
            except Busy:
                return _unavailable("Too many look at this page at once", "Try again.")
            except DATABASE_FAILURES as error:
                # The type only: the text may contain details of the server.
                detail = f"{type(error).__name__}. See /readyz for the reason."
                return _unavailable("The database cannot be read", detail)

        return answer

    @asynccontextmanager
    async def _look(self) -> AsyncIterator[None]:
        if self._lookers >= LOOKERS_MAXIMUM:
            raise Busy
        self._lookers += 1
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_SECONDS), self._looking:
                yield
        finally:
            self._lookers -= 1

    async def _show_overview(self, _: web.Request) -> web.Response:
        async with self._look():
            if time.monotonic() >= self._overview_until:
                overview = await read_overview(self._database)
                self._overview = overview_page(overview, await self._depths())
                self._overview_until = time.monotonic() + OVERVIEW_LASTS_SECONDS
        return _html(self._overview)

    async def _depths(self) -> Mapping[str, int] | None:
        # A request to the broker is not broken off, because that could cost the connection.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._worker.queue_depths(QUEUES))
        done, _ = await asyncio.wait([self._asking], timeout=DEPTHS_TIMEOUT_SECONDS)
        return self._asking.result() if done else None

    async def _search(self, request: web.Request) -> web.Response:
        typed = TYPED_BETWEEN.sub("", request.query.get("number", ""))
        # A plus sign that was typed into an address is a space to a server.
        number = typed if typed.startswith("+") else f"+{typed}"
        target = f"/numbers/{quote(number, safe='+')}"
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": target})

    async def _show_number(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        if not NUMBER.fullmatch(number):
            return _html(missing_page(never_provisioned(number)), HTTPStatus.NOT_FOUND)
        clock = self._database.clock.now
        async with self._look(), self._database.transaction(LOOKING) as session:
            shown = await read_number(session, number, clock)
            if shown is None:
                missing = await read_missing(session, number)
                return _html(missing_page(missing), HTTPStatus.NOT_FOUND)
        return _html(number_page(shown))


def _is_local(request: web.Request) -> bool:
    """Whether a program on this machine asks, and not a page of another site in its browser."""
    if any(name in request.headers for name in FORWARDED):
        return False
    # A site could give its own name this machine's address, and read the page as its own.
    host = request.headers.get("Host", "").removesuffix(".")
    name = host.rpartition("]")[0].removeprefix("[") or host.partition(":")[0]
    peer = request.remote
    return name.lower() in LOCAL_NAMES and peer is not None and _is_loopback(peer)


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _html(text: str, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def _unavailable(headline: str, detail: str) -> web.Response:
    notice = tag("section", tag("b", headline), tag("p", detail), class_="notice bad")
    return _html(
        document("Not available", tag("h1", "Not available"), notice),
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
