"""The composition root: everything is put together here, and taken down in order."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from worker.app.probes import probes_of, role_of
from worker.app.service import serving
from worker.cluster.supervisor import Supervisor
from worker.runtime.clock import Clock, utc_now
from worker.settings import Settings
from worker.storage.engine import Database, open_database
from worker.storage.gauges import measure
from worker.storage.preflight import require_fit
from worker.telemetry.http import serve
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

__all__ = ["run", "supervisor"]

SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT, then stops in order; a second signal stops at once.

    Raises `NotReady` when the database is not fit for the worker, and `TopologyMismatch` when
    the broker holds something else under the names of the contracts.
    """
    _settle_the_collector()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database_url))
        metrics = Metrics(partial(measure, database))
        worker = supervisor(database, settings, Reporter(metrics))
        port = await stack.enter_async_context(
            serve(
                settings.http_host,
                settings.http_port,
                probes_of(database, worker),
                metrics,
                role=partial(role_of, worker),
            )
        )
        get_logger().info(Action.HTTP_STARTED, port=port)
        async with _stopped_by_signals(worker) as stop_now:
            if await _fit(database, worker):
                get_logger().info(Action.WORKER_STARTED)
                await _until_stopped(worker, stop_now, settings.stop_deadline_seconds)
        get_logger().info(Action.WORKER_STOPPED)


def supervisor(
    database: Database, settings: Settings, reporter: Reporter, clock: Clock = utc_now
) -> Supervisor:
    """A worker, put together and not yet running."""
    return Supervisor(database, settings, reporter, partial(serving, settings, reporter, clock))


def _settle_the_collector() -> None:
    # A batch makes tens of thousands of objects that live as long as it, and nearly none of them
    # stand in a circle. At its usual thresholds the collector walks over all of them, and over
    # everything that was imported, again and again: a seventh of the worker's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


async def _fit(database: Database, worker: Supervisor) -> bool:
    """Waits for the database and looks at it; False when a stop was asked for before."""
    checking = asyncio.create_task(database.transact(require_fit))
    asked = asyncio.create_task(worker.stopping.wait())
    await asyncio.wait((checking, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if not checking.done():
        checking.cancel()
        return False
    await checking
    return True


async def _until_stopped(
    worker: Supervisor, stop_now: asyncio.Event, deadline_seconds: float
) -> None:
    serving = asyncio.create_task(worker.run())
    forced = asyncio.create_task(stop_now.wait())
    asked = asyncio.create_task(worker.stopping.wait())
    try:
        await asyncio.wait((serving, asked), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(
            (serving, forced), timeout=deadline_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if serving.done():
            await serving
    finally:
        for task in (serving, forced, asked):
            task.cancel()
        await asyncio.gather(serving, forced, asked, return_exceptions=True)


@asynccontextmanager
async def _stopped_by_signals(worker: Supervisor) -> AsyncIterator[asyncio.Event]:
    stop_now = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if worker.stopping.is_set():
            stop_now.set()
            return
        get_logger().info(Action.WORKER_STOPPING)
        worker.stop()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield stop_now
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
