"""The network between one worker and both servers: nobody else's is touched when it fails."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from tests.support.proxy import Proxy, proxied
from tests.support.wire import OpaqueProtocol
from worker.local import PrivateServers

CUT_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Network:
    """All connections of one worker, whichever is started in its place."""

    worker: str
    proxies: Mapping[str, Proxy]
    """By what is on their other side."""

    @classmethod
    @asynccontextmanager
    async def before(cls, servers: PrivateServers, worker: str) -> AsyncIterator[Self]:
        """One that works."""
        async with (
            proxied(servers.rabbitmq.url, OpaqueProtocol) as broker,
            proxied(servers.postgresql.url, OpaqueProtocol) as database,
        ):
            yield cls(worker, {"broker": broker, "database": database})

    @property
    def environment(self) -> dict[str, str]:
        """Where the worker finds the servers."""
        return {
            "AMQP_URL": self.proxies["broker"].url,
            "DATABASE_URL": self.proxies["database"].url,
        }

    async def cut(self, side: str, seconds: float) -> None:
        """Ends every connection, and each new one, as long as it lasts."""
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            self.proxies[side].cut()
            await asyncio.sleep(CUT_EVERY_SECONDS)

    async def partition(self, side: str, seconds: float) -> None:
        """Nothing gets through, and nobody is told; afterwards all that was sent arrives."""
        self.proxies[side].freeze()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.proxies[side].thaw()
