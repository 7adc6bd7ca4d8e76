"""The two servers of a benchmark, and a database and a virtual host for each run."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from activation_contracts.topology import EVENT_LOG_DAYS

from tests.benchmarks.running.broker import declare_events
from worker.broker.connecting.connection import connect
from worker.broker.topology import declare, declare_event_log
from worker.local import PrivateServers
from worker.storage.connecting.engine import open_database
from worker.storage.deployment.migrate import migrate

Build = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The URLs of the servers that a run uses."""

    amqp_url: str
    database_url: str
    event_log_days: int
    """0: the events are not logged."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the measured process."""
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "AMQP_URL": self.amqp_url,
            "DATABASE_URL": self.database_url,
            "WORKER_HTTP_HOST": "127.0.0.1",
            "WORKER_EVENT_LOG_DAYS": str(self.event_log_days),
            "WORKER_HTTP_PORT": "0",
            "WORKER_LOG_FORMAT": "json",
        }


@dataclass
class Bench:
    """What all subjects of a benchmark share: servers, template databases, collected details."""

    servers: PrivateServers
    folder: Path
    """For the logs and plans of the measured processes."""
    seed: int
    log: Callable[[str], None] = print
    """Takes a line of progress."""
    plans: dict[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    """The query plans of each statement, by database."""
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Resident MiB over time."""
    notes: list[str] = field(default_factory=list)
    """Explanations that the report prints below the table."""
    _templates: dict[str, str] = field(default_factory=dict)

    async def template(self, name: str, build: Build, *, migrated: bool = True) -> str:
        """The URL of a template database, which the first call builds."""
        if name not in self._templates:
            url = await self.servers.postgresql.create_database(name)
            if migrated:
                async with open_database(url) as database:
                    await migrate(database)
            await build(url)
            self._templates[name] = url
        return self._templates[name]

    @asynccontextmanager
    async def fresh_database(
        self, template: str, event_log_days: int = EVENT_LOG_DAYS
    ) -> AsyncIterator[Endpoints]:
        """A clone of the template and empty queues; both are removed at the end."""
        name = f"run_{uuid4().hex}"
        url = await self.servers.postgresql.create_database(name, template=template)
        try:
            async with self.fresh_queues(url, event_log_days) as endpoints:
                yield endpoints
        finally:
            await self.servers.postgresql.drop_database(name)

    @asynccontextmanager
    async def fresh_queues(
        self, database_url: str, event_log_days: int = EVENT_LOG_DAYS
    ) -> AsyncIterator[Endpoints]:
        """The given database and empty queues, which are removed at the end."""
        name = f"run_{uuid4().hex}"
        amqp_url = await self.servers.rabbitmq.create_virtual_host(name)
        try:
            async with await connect([amqp_url]) as connection:
                await declare(connection)
                if event_log_days:
                    await declare_event_log(connection, event_log_days)
            declare_events(amqp_url)
            yield Endpoints(amqp_url, database_url, event_log_days)
        finally:
            await self.servers.rabbitmq.delete_virtual_host(name)
