"""The network between one worker and both servers; a fault in it affects only this worker."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from tests.support.faults.proxy import Proxy, proxied
from tests.support.faults.wire import OpaqueProtocol
from worker.local import PrivateServers

CUT_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Network:
    """The connections of one worker, and of each worker started in its place."""

    worker: str
    proxies: Mapping[str, Proxy]
    """By the server behind them: `broker` or `database`."""

    @classmethod
    @asynccontextmanager
    async def through_proxies(cls, servers: PrivateServers, worker: str) -> AsyncIterator[Self]:
        """Starts a proxy for each server."""
        async with (
            proxied(servers.rabbitmq.url, OpaqueProtocol) as broker,
            proxied(servers.postgresql.url, OpaqueProtocol) as database,
        ):
            yield cls(worker, {"broker": broker, "database": database})

    @property
    def environment(self) -> dict[str, str]:
        """The servers' URLs for the worker."""
        return {
            "AMQP_URL": self.proxies["broker"].url,
            "DATABASE_URL": self.proxies["database"].url,
        }

    async def cut(self, side: str, seconds: float) -> None:
        """Ends every connection, and each new one, for this time."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            self.proxies[side].cut()
            await asyncio.sleep(CUT_EVERY_SECONDS)

    async def partition(self, side: str, seconds: float) -> None:
        """Holds everything back for this time, with connections open; then delivers it."""
        self.proxies[side].freeze()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.proxies[side].thaw()
