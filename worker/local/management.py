"""The management API of a RabbitMQ on this machine."""

import asyncio
import base64
import http.client
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from worker.local.ports import LOOPBACK
from worker.local.unavailable import ServerUnavailable

__all__ = ["GUEST", "Management"]

GUEST: Final = "guest"
TIMEOUT_SECONDS: Final = 30
FULL_PERMISSIONS: Final = '{"configure": ".*", "write": ".*", "read": ".*"}'


class Management:
    """Speaks HTTP without an event loop's session, and without the proxies of the environment."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def create_virtual_host(self, name: str) -> None:
        """Makes a virtual host in which guests may do everything."""
        await self._request("PUT", f"/api/vhosts/{quote(name, safe='')}", "{}")
        permissions = f"/api/permissions/{quote(name, safe='')}/{GUEST}"
        await self._request("PUT", permissions, FULL_PERMISSIONS)

    async def delete_virtual_host(self, name: str) -> None:
        """Removes a virtual host with all that is in it; a no-op when there is none."""
        path = f"/api/vhosts/{quote(name, safe='')}"
        await self._request("DELETE", path, also_fine=HTTPStatus.NOT_FOUND)

    async def listens_on(self, port: int) -> bool:
        """Whether the server is up, and its AMQP listener on this port with it."""
        try:
            await self._request("GET", f"/api/health/checks/port-listener/{port}")
        except (OSError, http.client.HTTPException, ServerUnavailable):
            return False
        return True

    async def _request(
        self, method: str, path: str, body: str | None = None, *, also_fine: int = HTTPStatus.OK
    ) -> None:
        status, answer = await asyncio.to_thread(self._exchange, method, path, body)
        if status >= HTTPStatus.BAD_REQUEST and status != also_fine:
            raise ServerUnavailable(f"RabbitMQ refused {method} {path} with {status}: {answer}")

    def _exchange(self, method: str, path: str, body: str | None) -> tuple[int, str]:
        credentials = base64.b64encode(f"{GUEST}:{GUEST}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            connection.close()
