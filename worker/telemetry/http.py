"""The HTTP endpoints `/healthz`, `/readyz` and `/metrics`: without login, and without secrets."""

import asyncio
import errno
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from worker.telemetry.metrics import Metrics

__all__ = ["HttpUnavailableError", "Probe", "State", "serve", "serve_page"]

Probe = Callable[[], Awaitable[str | None]]
"""Checks one thing that the worker needs; None if it works, else a sentence about the problem."""

State = Callable[[Collection[str]], Mapping[str, str]]
"""What the worker does at the moment, ready or not, given the names of the failed probes."""

PROBE_TIMEOUT_SECONDS: Final = 3.0
"""Shorter than the usual timeout of a health check, so that the check gets an answer."""
SHUTDOWN_TIMEOUT_SECONDS: Final = 1.0
ANY_IPV6: Final = "::"
BACKLOG: Final = 128
HEADERS: Final = {"Cache-Control": "no-store", "Server": "activation-worker"}


class HttpUnavailableError(Exception):
    """The endpoints cannot listen on their address; the text says what to do."""


@asynccontextmanager
async def serve(
    host: str,
    port: int,
    probes: Mapping[str, Probe],
    metrics: Metrics,
    *,
    state: State = lambda _: {},
    routes: Iterable[web.AbstractRouteDef] = (),
) -> AsyncIterator[int]:
    """Serves the endpoints inside the block; yields the port, a free one if `port` is 0.

    `/healthz` is 200 while the event loop runs. `/readyz` is 200 if every probe returns None,
    else 503; its body is JSON with the state and the result of each probe. `routes` are served
    beside them. Raises
    `HttpUnavailableError`.
    """
    application = _application(probes, metrics, state)
    application.add_routes(routes)
    async with _listening(application, host, port, "WORKER_HTTP") as listening:
        yield listening


@asynccontextmanager
async def serve_page(
    host: str, port: int, routes: Iterable[web.AbstractRouteDef]
) -> AsyncIterator[int]:
    """Serves the routes of the page inside the block, on a port of their own; like `serve`."""
    application = web.Application()
    application.add_routes(routes)
    async with _listening(application, host, port, "WORKER_PAGE") as listening:
        yield listening


@asynccontextmanager
async def _listening(
    application: web.Application, host: str, port: int, settings: str
) -> AsyncIterator[int]:
    runner = web.AppRunner(
        application,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_TIMEOUT_SECONDS,
    )
    await runner.setup()
    try:
        await _listen(runner, host, port, settings)
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int, settings: str) -> None:
    try:
        if host == ANY_IPV6:
            # The event loop would listen for IPv6 alone.
            both = socket.create_server(
                (host, port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
            )
            await web.SockSite(runner, both).start()
        else:
            await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except (OSError, OverflowError, UnicodeError) as error:
        code = error.errno if isinstance(error, OSError) else None
        reason = (isinstance(error, OSError) and error.strerror) or error
        remedy = (
            f"Stop the program that listens there, or choose another {settings}_PORT."
            if code == errno.EADDRINUSE
            else f"Correct {settings}_HOST or {settings}_PORT."
        )
        message = f"The HTTP endpoints cannot listen on {host}, port {port}: {reason}. {remedy}"
        raise HttpUnavailableError(message) from error


def _application(probes: Mapping[str, Probe], metrics: Metrics, state: State) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="alive\n", headers=HEADERS)

    async def readyz(_: web.Request) -> web.Response:
        problems = await _run_all(probes)
        failed = [name for name, problem in problems.items() if problem is not None]
        report = {
            "ready": not failed,
            **state(failed),
            "checks": {name: _result_of(problem) for name, problem in problems.items()},
        }
        return web.Response(
            text=json.dumps(report) + "\n",
            status=503 if failed else 200,
            content_type="application/json",
            headers=HEADERS,
        )

    async def show_metrics(_: web.Request) -> web.Response:
        headers = {**HEADERS, "Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=await metrics.render(), headers=headers)

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", show_metrics)
    return application


async def _run_all(probes: Mapping[str, Probe]) -> dict[str, str | None]:
    results = await asyncio.gather(*map(_run, probes.values()))
    return dict(zip(probes, results, strict=True))


async def _run(probe: Probe) -> str | None:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            return await probe()
    except TimeoutError:
        return f"There was no answer within {PROBE_TIMEOUT_SECONDS:g} seconds."


def _result_of(problem: str | None) -> dict[str, bool | str]:
    return {"ok": True} if problem is None else {"ok": False, "problem": problem}
