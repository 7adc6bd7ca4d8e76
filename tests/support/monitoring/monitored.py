"""A worker under test with its servers, and a Prometheus that scrapes it and judges its alerts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from tests.support.environments import Environment
from tests.support.faults.proxy import Proxy
from tests.support.installed_command import COMMAND
from tests.support.monitoring.prometheus import Prometheus
from tests.support.platform import Platform
from worker.local import PrivateServers
from worker.storage.connecting.engine import Database


@dataclass(frozen=True, slots=True)
class World:
    """A worker's servers and neighbours, and the means to start it."""

    environment: Environment
    servers: PrivateServers
    database: Database
    platform: Platform
    database_proxy: Proxy
    broker_proxy: Proxy
    prometheus: Prometheus

    @asynccontextmanager
    async def worker(
        self,
        changes: Environment | None = None,
        *,
        command: Sequence[str] = (COMMAND, "run"),
        error: int = asyncio.subprocess.DEVNULL,
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """A worker, started by this command; killed at the end if it still runs."""
        process = await asyncio.create_subprocess_exec(
            *command, env={**self.environment, **(changes or {})}, stderr=error
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def through_proxies(self) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
        """A worker that reaches both servers through the proxies."""
        urls = {"DATABASE_URL": self.database_proxy.url, "AMQP_URL": self.broker_proxy.url}
        return self.worker(urls)
