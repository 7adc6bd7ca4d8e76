"""Virtual hosts with the topology: a test leaves one clean for the next, or it is deleted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote
from uuid import uuid4

import aiohttp
from activation_contracts.topology import QUEUES

from worker.broker.connecting.connection import connect
from worker.broker.topology import declare
from worker.local import PrivateServers

LEAVES_SECONDS = 2
"""How long the connections of an ended test may take to leave the broker's lists."""


class VirtualHosts:
    """The virtual hosts of one test process, on its own broker.

    To declare and to delete the quorum queues of one takes a quarter of a second of processor time,
    as much as most tests.
    """

    def __init__(self, servers: PrivateServers) -> None:
        self._servers = servers
        self._clean: list[tuple[str, str]] = []
        self._pristine: str | None = None

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[str]:
        """The URL of a virtual host that no other test uses meanwhile; its queues are empty."""
        name, url = self._clean.pop() if self._clean else await self._made()
        is_clean = False
        try:
            yield url
            is_clean = await self._is_clean_again(name, url)
        finally:
            if is_clean:
                self._clean.append((name, url))
            else:
                await self._servers.rabbitmq.delete_virtual_host(name)

    async def _made(self) -> tuple[str, str]:
        name = f"test_{uuid4().hex}"
        url = await self._servers.rabbitmq.create_virtual_host(name)
        async with await connect([url]) as connection:
            await declare(connection)
        if self._pristine is None:
            async with Listing.opened(self._servers, name) as listing:
                self._pristine = await listing.state()
        return name, url

    async def _is_clean_again(self, name: str, url: str) -> bool:
        try:
            async with Listing.opened(self._servers, name) as listing:
                if await listing.state() != self._pristine or not await listing.is_left():
                    return False
            return await _is_emptied(url)
        except Exception:  # noqa: BLE001 -- a test may break anything: then its host is deleted
            return False


async def _is_emptied(url: str) -> bool:
    async with await connect([url]) as connection, await connection.channel() as channel:
        for queue in QUEUES:
            declared = await channel.declare_queue(queue.name, passive=True)
            if declared.declaration_result.message_count:
                await declared.purge()
        left = [await channel.declare_queue(queue.name, passive=True) for queue in QUEUES]
        return not any(queue.declaration_result.message_count for queue in left)


class Listing:
    """What the management API lists of a virtual host."""

    def __init__(self, client: aiohttp.ClientSession, name: str) -> None:
        self._client = client
        self._name = quote(name, safe="")

    @classmethod
    @asynccontextmanager
    async def opened(cls, servers: PrivateServers, name: str) -> AsyncIterator[Self]:
        """For the virtual host with this name."""
        url = f"http://127.0.0.1:{servers.rabbitmq.ports.management}"
        headers = {"Authorization": aiohttp.encode_basic_auth("guest", "guest")}
        async with aiohttp.ClientSession(url, headers=headers) as client:
            yield cls(client, name)

    async def state(self) -> str:
        """Everything that is declared in it, and who may use it; without its own name."""
        definitions = await self._get(f"/api/definitions/{self._name}")
        permissions = await self._get(f"/api/vhosts/{self._name}/permissions")
        kinds = {
            kind: sorted(json.dumps(item, sort_keys=True) for item in items)
            for kind, items in {**definitions, "permissions": permissions}.items()
            if isinstance(items, list)
        }
        return json.dumps(kinds, sort_keys=True).replace(self._name, "")

    async def is_left(self) -> bool:
        """Whether all connections end within `LEAVES_SECONDS`: then nothing returns any more."""
        for _ in range(LEAVES_SECONDS * 20):
            if not await self._get(f"/api/vhosts/{self._name}/connections"):
                return True
            await asyncio.sleep(0.05)
        return False

    async def _get(self, path: str) -> Any:
        async with self._client.get(path) as response:
            assert response.status == HTTPStatus.OK, await response.text()
            return await response.json()
