"""The composition root: builds the worker, runs it, and stops it in order."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from signal import Signals

from aiohttp import web

from worker.app.probes import probes_of, state_of
from worker.app.serving.service import serving
from worker.cluster.supervisor import Supervisor
from worker.explaining.page.server import Page
from worker.runtime import signals
from worker.runtime.clock import Clock
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.storage.deployment.preflight import require_fit
from worker.storage.gauges import measure
from worker.telemetry.http import serve, serve_page
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter
from worker.telemetry.tracing.export import exported_tracing

__all__ = ["run", "supervisor"]


async def run(settings: Settings) -> None:
    """Runs until SIGTERM, SIGINT or SIGHUP, then stops in order; a second one ends the process.

    Raises `NotReady` if the database is not prepared, `UnsafeServer` if it could lose a commit,
    `TopologyMismatch` if the broker has another object under a name of the contracts, and `Mistake`
    if a server denies a right.
    """
    _tune_garbage_collector()
    async with AsyncExitStack() as stack:
        stopping = stack.enter_context(_stop_signals())
        database = await stack.enter_async_context(
            open_database(settings.current_database_url, waits=True)
        )
        tracing = await stack.enter_async_context(exported_tracing(enabled=settings.tracing))
        metrics = Metrics(partial(measure, database))
        worker = supervisor(database, settings, Reporter(metrics, tracing), stopping=stopping)
        routes = await _page_routes(stack, settings, worker)
        port = await stack.enter_async_context(
            serve(
                settings.http_host,
                settings.http_port,
                probes_of(database, worker),
                metrics,
                state=partial(state_of, worker),
                routes=() if settings.page_port else routes,
            )
        )
        if routes and settings.page_port:
            page = serve_page(settings.page_host, settings.page_port, routes)
            await stack.enter_async_context(page)
        get_logger().info(Action.HTTP_STARTED, port=port)
        if await _is_fit(database, worker):
            get_logger().info(Action.WORKER_STARTED)
            await _until_stopped(worker, settings.stop_deadline_seconds)
        get_logger().info(Action.WORKER_STOPPED)


async def _page_routes(
    stack: AsyncExitStack, settings: Settings, worker: Supervisor
) -> list[web.RouteDef]:
    """The routes of the page, which has a database connection of its own; none if it is off."""
    if settings.page == "off":
        return []
    database = await stack.enter_async_context(open_database(settings.current_database_url))
    return Page(database, worker, is_local=settings.page == "local").routes()


def supervisor(
    database: Database,
    settings: Settings,
    reporter: Reporter,
    clock: Clock | None = None,
    *,
    stopping: asyncio.Event | None = None,
) -> Supervisor:
    """Builds a worker; it does not run yet, and stops when `stopping` is set.

    By default the database's clock decides.
    """
    serve = partial(serving, settings, reporter, clock or database.clock.now)
    return Supervisor(database, settings, reporter, serve, stopping=stopping or asyncio.Event())


def _tune_garbage_collector() -> None:
    # A batch creates tens of thousands of objects that live as long as it, with hardly any
    # reference cycles. With the default thresholds the collector traverses them, and all imported
    # modules, again and again: that took a seventh of the worker's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


async def _is_fit(database: Database, worker: Supervisor) -> bool:
    """Waits for the database and checks it; False if a stop was requested before."""
    checking = asyncio.create_task(database.transact(require_fit))
    stop_requested = asyncio.create_task(worker.stopping.wait())
    await asyncio.wait((checking, stop_requested), return_when=asyncio.FIRST_COMPLETED)
    stop_requested.cancel()
    if not checking.done():
        checking.cancel()
        return False
    for risk in await checking:
        get_logger().warning(Action.SERVER_AT_RISK, reason=risk)
    return True


async def _until_stopped(worker: Supervisor, deadline_seconds: float) -> None:
    serving = asyncio.create_task(worker.run())
    stop_requested = asyncio.create_task(worker.stopping.wait())
    try:
        await asyncio.wait((serving, stop_requested), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((serving,), timeout=deadline_seconds)
        if serving.done():
            await serving
    finally:
        for task in (serving, stop_requested):
            task.cancel()
        await asyncio.gather(serving, stop_requested, return_exceptions=True)


@contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """An event that the first signal sets; the second one ends the process."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        if stopping.is_set():
            get_logger().warning(Action.WORKER_ENDED_AT_ONCE, signal=Signals(number).name)
            signals.end(number)
        get_logger().info(Action.WORKER_STOPPING)
        stopping.set()

    numbers = signals.stop_signals()
    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    signals.release()  # those that came while the program was loaded
    try:
        yield stopping
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
