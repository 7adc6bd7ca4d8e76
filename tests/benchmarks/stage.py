"""Where a run takes place: a virtual host and a database of its own on the same two servers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from tests.benchmarks.broker import declare_events
from worker.broker.connection import connect
from worker.broker.topology import declare
from worker.local import PrivateServers
from worker.storage.engine import open_database
from worker.storage.migrate import migrate

Build = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Place:
    """The servers as one run sees them."""

    amqp_url: str
    database_url: str

    @property
    def environment(self) -> dict[str, str]:
        """For the process that is measured."""
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "AMQP_URL": self.amqp_url,
            "DATABASE_URL": self.database_url,
            "WORKER_HTTP_HOST": "127.0.0.1",
            "WORKER_HTTP_PORT": "0",
            "WORKER_LOG_FORMAT": "json",
        }


@dataclass
class Stage:
    """The two servers, and the databases that are cloned for runs."""

    servers: PrivateServers
    folder: Path
    """For the logs and notes of the processes that are measured."""
    seed: int
    tell: Callable[[str], None] = print
    """Where the course of the benchmark is told."""
    plans: dict[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    """How each statement is carried out, by database."""
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """When how many MiB were resident."""
    notes: list[str] = field(default_factory=list)
    """What must be known to read the figures."""
    _templates: dict[str, str] = field(default_factory=dict)

    async def template(self, name: str, build: Build, *, migrated: bool = True) -> str:
        """A database that is built when it is first asked for; its URL."""
        if name not in self._templates:
            url = await self.servers.postgresql.create_database(name)
            if migrated:
                async with open_database(url) as database:
                    await migrate(database)
            await build(url)
            self._templates[name] = url
        return self._templates[name]

    @asynccontextmanager
    async def place(self, template: str) -> AsyncIterator[Place]:
        """A clone of the template beside empty queues; both are removed at the end."""
        name = f"run_{uuid4().hex}"
        url = await self.servers.postgresql.create_database(name, template=template)
        try:
            async with self.beside(url) as place:
                yield place
        finally:
            await self.servers.postgresql.drop_database(name)

    @asynccontextmanager
    async def beside(self, database_url: str) -> AsyncIterator[Place]:
        """A database as it is, beside empty queues, which are removed at the end."""
        name = f"run_{uuid4().hex}"
        amqp_url = await self.servers.rabbitmq.create_virtual_host(name)
        try:
            async with await connect([amqp_url]) as connection:
                await declare(connection)
            declare_events(amqp_url)
            yield Place(amqp_url, database_url)
        finally:
            await self.servers.rabbitmq.delete_virtual_host(name)
