"""Users, permissions and policies on the virtual host of a test."""

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import aiohttp
import pytest

from worker.local import PrivateServers


class Administration:
    """The management API of the broker, on one virtual host."""

    def __init__(self, client: aiohttp.ClientSession, management_url: str, amqp_url: str) -> None:
        self._client = client
        self._management_url = management_url
        self._amqp_url = amqp_url
        self._users: list[str] = []

    async def add_user(self, configure: str, write: str, read: str, tags: str = "") -> str:
        """Creates a user with exactly these permissions; returns the AMQP URL for it."""
        name = f"user-{uuid4().hex}"
        self._users.append(name)
        await self._request("PUT", f"users/{name}", {"password": name, "tags": tags})
        url = self._amqp_url.replace("guest:guest", f"{name}:{name}")
        await self.permit(url, configure, write, read)
        return url

    async def permit(self, url: str, configure: str, write: str, read: str) -> None:
        """Replaces the permissions of the user of this AMQP URL."""
        permissions = {"configure": configure, "write": write, "read": read}
        path = f"permissions/{self._virtual_host}/{urlsplit(url).username}"
        await self._request("PUT", path, permissions)

    async def set_policy(self, pattern: str, **definition: Any) -> None:
        """Sets the policy of this test, with underscores for the hyphens in the keys."""
        keys = {key.replace("_", "-"): value for key, value in definition.items()}
        body = {"pattern": pattern, "definition": keys, "apply-to": "queues"}
        await self._request("PUT", f"policies/{self._virtual_host}/of-this-test", body)

    async def clear_policy(self) -> None:
        """Removes that policy."""
        await self._request("DELETE", f"policies/{self._virtual_host}/of-this-test")

    async def close(self) -> None:
        """Deletes the users."""
        for name in self._users:
            await self._request("DELETE", f"users/{name}")

    @property
    def _virtual_host(self) -> str:
        return quote(urlsplit(self._amqp_url).path[1:], safe="")

    async def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        url = f"{self._management_url}/api/{path}"
        async with self._client.request(method, url, json=body) as response:
            assert response.status < HTTPStatus.BAD_REQUEST, await response.text()


@pytest.fixture
async def administration(servers: PrivateServers, amqp_url: str) -> AsyncIterator[Administration]:
    """Users and policies for this test."""
    url = f"http://127.0.0.1:{servers.rabbitmq.ports.management}"
    headers = {"Authorization": aiohttp.encode_basic_auth("guest", "guest")}
    async with aiohttp.ClientSession(headers=headers) as client:
        opened = Administration(client, url, amqp_url)
        yield opened
        await opened.close()
