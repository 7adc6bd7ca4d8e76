"""The HTTP endpoints `/healthz`, `/readyz` and `/metrics`: no login, and no secrets told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from worker.telemetry.metrics import Metrics

__all__ = ["HttpUnavailableError", "Probe", "serve"]

Probe = Callable[[], Awaitable[str | None]]
"""Checks one thing that the worker needs; None if it works, else a sentence about the problem."""

PROBE_TIMEOUT_SECONDS: Final = 3.0
"""A probe that hangs is an answer too, and has to come before the asker gives up."""
SHUTDOWN_TIMEOUT_SECONDS: Final = 1.0
HEADERS: Final = {"Cache-Control": "no-store", "Server": "activation-worker"}


class HttpUnavailableError(Exception):
    """The endpoints cannot listen where they should; the text says what to do."""


@asynccontextmanager
async def serve(
    host: str,
    port: int,
    probes: Mapping[str, Probe],
    metrics: Metrics,
    *,
    role: Callable[[], str] | None = None,
) -> AsyncIterator[int]:
    """Serves until the block is left; gives the port, a free one where 0 was asked for.

    `/healthz` is 200 as long as the event loop turns. `/readyz` is 200 when every probe says
    None and 503 otherwise, with each answer, and the role, as JSON. Raises
    `HttpUnavailableError`.
    """
    runner = web.AppRunner(
        _application(probes, metrics, role),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=SHUTDOWN_TIMEOUT_SECONDS,
    )
    await runner.setup()
    try:
        await _listen(runner, host, port)
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        message = (
            f"The HTTP endpoints cannot listen on {host}, port {port}: {error.strerror or error}."
            " Stop what else listens there, or choose another WORKER_HTTP_PORT."
        )
        raise HttpUnavailableError(message) from error


def _application(
    probes: Mapping[str, Probe], metrics: Metrics, role: Callable[[], str] | None
) -> web.Application:
    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="alive\n", headers=HEADERS)

    async def readyz(_: web.Request) -> web.Response:
        problems = await _ask_all(probes)
        ready = all(problem is None for problem in problems.values())
        answer = {
            "ready": ready,
            **({"role": role()} if role else {}),
            "checks": {name: _shown(problem) for name, problem in problems.items()},
        }
        body = json.dumps(answer) + "\n"
        status, kind = 200 if ready else 503, "application/json"
        return web.Response(text=body, status=status, content_type=kind, headers=HEADERS)

    async def show_metrics(_: web.Request) -> web.Response:
        headers = {**HEADERS, "Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=await metrics.render(), headers=headers)

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", show_metrics)
    return application


async def _ask_all(probes: Mapping[str, Probe]) -> dict[str, str | None]:
    answers = await asyncio.gather(*map(_ask, probes.values()))
    return dict(zip(probes, answers, strict=True))


async def _ask(probe: Probe) -> str | None:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
            return await probe()
    except TimeoutError:
        return f"There was no answer within {PROBE_TIMEOUT_SECONDS:g} seconds."


def _shown(problem: str | None) -> dict[str, bool | str]:
    return {"ok": True} if problem is None else {"ok": False, "problem": problem}
