"""Runs the worker with private servers, and stops all of them together."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Final

from worker.app import run as app
from worker.broker.connecting.connection import BrokerUnavailable
from worker.local import PrivateServers
from worker.operator.importing.import_records import import_chunks
from worker.operator.importing.jsonl import Numbered, read_chunks
from worker.operator.preparing.servers import declare_topology, migrate_database
from worker.runtime.concurrency import first_of
from worker.runtime.environment import FILE_SUFFIX
from worker.settings import SHARED_NAMES, Settings, load
from worker.telemetry.http import serve
from worker.telemetry.metrics import Metrics

__all__ = ["prepare", "run_standalone", "without_servers"]

STARTING_SECONDS: Final = 30
RETRY_SECONDS: Final = 0.2


async def run_standalone(
    environment: Mapping[str, str],
    folder: Path | None,
    lines: Iterable[bytes | str] | None,
    *,
    show: Callable[[str], None],
    report: Callable[[str], None],
) -> None:
    """Starts both servers, prepares them and runs the worker until SIGTERM or Ctrl-C.

    Shows the addresses of the servers, and reports what is imported. Raises errors of the first
    records, the settings and the HTTP port before it starts a server. Raises `ServerUnavailable`
    when a server has ended.
    """
    records = None if lines is None else read_chunks(lines)
    environment = without_servers(environment)
    settings = load(environment)
    # Binds the port once, to fail early if it is taken.
    async with serve(settings.http_host, settings.http_port, {}, Metrics()):
        pass
    async with PrivateServers.started(folder) as servers:
        settings = await prepare(servers, environment, records, report)
        show(f"export AMQP_URL={servers.rabbitmq.url}")
        show(f"export DATABASE_URL={servers.postgresql.url}")
        report(f"rabbitmqctl for this RabbitMQ: {servers.rabbitmq.control_program}")
        await first_of(app.run(settings), servers.watch())


def without_servers(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the URLs of other servers, direct or as files: it has its own."""
    return {
        name: value
        for name, value in environment.items()
        if name.removesuffix(FILE_SUFFIX) not in SHARED_NAMES
    }


async def prepare(
    servers: PrivateServers,
    environment: Mapping[str, str],
    records: Iterator[Sequence[Numbered]] | None,
    report: Callable[[str], None],
) -> Settings:
    """Migrates, declares and imports; returns the settings for a worker on these servers."""
    own = {"AMQP_URL": servers.rabbitmq.url, "DATABASE_URL": servers.postgresql.url}
    settings = load({**environment, **own})
    await migrate_database(settings)
    await _declare(settings)
    if records is not None:
        imported = await import_chunks(settings.database_url, records)
        for kind, counts in imported.counts.items():
            report(f"imported {counts.in_file:,} {kind}")
    return settings


async def _declare(settings: Settings) -> None:
    """Declares the topology. A broker with data listens before its queues can be used."""
    deadline = monotonic() + STARTING_SECONDS
    while True:
        try:
            await declare_topology(settings)
        except BrokerUnavailable:
            if monotonic() > deadline:
                raise
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return
