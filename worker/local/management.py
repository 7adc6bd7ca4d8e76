"""A client for the management API of a RabbitMQ on this machine."""

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
    """Uses `http.client`, which ignores proxies and is not bound to an event loop."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def create_virtual_host(self, name: str) -> None:
        """Creates a virtual host with full permissions for guest."""
        await self._request("PUT", f"/api/vhosts/{quote(name, safe='')}", "{}")
        permissions = f"/api/permissions/{quote(name, safe='')}/{GUEST}"
        await self._request("PUT", permissions, FULL_PERMISSIONS)

    async def delete_virtual_host(self, name: str) -> None:
        """Deletes a virtual host with everything in it; does nothing if there is none."""
        path = f"/api/vhosts/{quote(name, safe='')}"
        await self._request("DELETE", path, also_accepted=HTTPStatus.NOT_FOUND)

    async def listens_on(self, port: int) -> bool:
        """Whether the server is up and its AMQP listener accepts connections on this port."""
        try:
            await self._request("GET", f"/api/health/checks/port-listener/{port}")
        except (OSError, http.client.HTTPException, ServerUnavailable):
            return False
        return True

    async def _request(
        self, method: str, path: str, body: str | None = None, *, also_accepted: int = HTTPStatus.OK
    ) -> None:
        status, answer = await asyncio.to_thread(self._exchange, method, path, body)
        if status >= HTTPStatus.BAD_REQUEST and status != also_accepted:
            raise ServerUnavailable(f"RabbitMQ answered {method} {path} with {status}: {answer}")

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
