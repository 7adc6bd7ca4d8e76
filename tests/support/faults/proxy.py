"""A proxy on loopback that simulates network faults.

It cuts, freezes, mutes or delays connections, and loses one request or reply.

What it loses or delays is decided by a trap; see `tests.support.faults.traps`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.support.faults.traps import Delay, Lost, Trap
from tests.support.faults.wire import Request, WireProtocol

LOOPBACK = "127.0.0.1"
READ_BYTES = 1 << 16


class Proxy:
    """Forwards connections from its own port to a server."""

    def __init__(self, url: str, protocol: Callable[[], WireProtocol]) -> None:
        self._target = urlsplit(url)
        self._protocol = protocol
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._tunnels: dict[asyncio.Task[None], Tunnel] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._delay_seconds = 0.0
        self._units_until_mute = -1
        self._speaking = asyncio.Event()
        self._speaking.set()
        self.trap: Trap | None = None
        """The trap that is set, if any."""
        self.accepted = 0
        """The number of connections so far."""
        self.kept_back = 0
        """The number of units that wait for `thaw`: at most one per direction of a connection."""
        self.muted = asyncio.Event()
        """Set when the first unit was held back after `mute_after`."""

    @property
    def url(self) -> str:
        """The server's URL with the proxy's host and port."""
        account, _, _ = self._target.netloc.rpartition("@")
        return self._target._replace(netloc=f"{account}@{LOOPBACK}:{self._port}").geturl()

    async def accept(self) -> None:
        """Accepts connections, on the same port as before."""
        self._listener = await asyncio.start_server(self._serve, LOOPBACK, self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Refuses new connections; existing ones stay open."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def cut(self) -> None:
        """Ends all connections at once."""
        for tunnel in self._tunnels.values():
            tunnel.cut()

    def freeze(self) -> None:
        """Forwards nothing and closes nothing: existing connections stall, and so do new ones."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Forwards everything that was held back, and what follows."""
        self._flowing.set()

    def mute_after(self, units: int) -> None:
        """Forwards so many more units of the server, on whatever connections, and then none.

        The connections stay open, new ones are accepted, and the server still gets all requests.
        """
        self.muted.clear()
        self._speaking.clear()
        self._units_until_mute = units

    def unmute(self) -> None:
        """Forwards all units of the server that were held back, and what follows."""
        self._units_until_mute = -1
        self._speaking.set()

    def slow(self, delay_seconds: float) -> None:
        """Delays each unit by this time, in each direction."""
        self._delay_seconds = delay_seconds

    def set(self, trap: Trap) -> Trap:
        """Sets the trap in place of the present one, and returns it."""
        self.trap = trap
        return trap

    async def close(self) -> None:
        """Stops listening and ends all connections."""
        self.refuse()
        self.thaw()
        self.unmute()
        self.cut()
        await asyncio.gather(*self._tunnels)

    async def until_passable(self) -> None:
        """Returns when the next unit may be forwarded: after the delay, and not while frozen."""
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        self.kept_back += 1
        try:
            await self._flowing.wait()
        finally:
            self.kept_back -= 1

    async def until_audible(self) -> None:
        """Returns when the next unit of the server may be forwarded: not while mute."""
        if self._units_until_mute == 0:
            self.muted.set()
            await self._speaking.wait()
        elif self._units_until_mute > 0:
            self._units_until_mute -= 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        tunnel = Tunnel(self, self._protocol(), reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._tunnels[task] = tunnel
        try:
            await tunnel.run(self._target.hostname or LOOPBACK, self._target.port or 0)
        finally:
            del self._tunnels[task]


ENDS = (OSError, RuntimeError)
"""What writing to an ended connection raises; uvloop raises RuntimeError for one that was cut."""


class Tunnel:
    """One connection through the proxy."""

    def __init__(
        self,
        proxy: Proxy,
        protocol: WireProtocol,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._protocol = protocol
        self._client = writer
        self._requests = reader
        self._server: asyncio.StreamWriter | None = None
        self._losing: tuple[Trap, Request] | None = None

    def cut(self) -> None:
        """Ends the connection on both sides; bytes in transit are lost."""
        self._client.transport.abort()
        if self._server is not None:
            self._server.transport.abort()

    async def run(self, host: str, port: int) -> None:
        """Forwards both directions until one side ends the connection."""
        try:
            with contextlib.suppress(*ENDS):
                await self._proxy.until_passable()
                replies, self._server = await asyncio.open_connection(host, port)
                forwarding = asyncio.create_task(self._forward_requests(self._server))
                try:
                    await self._forward_replies(replies)
                finally:
                    forwarding.cancel()
                    await asyncio.wait([forwarding])
        finally:
            self.cut()

    async def _forward_requests(self, server: asyncio.StreamWriter) -> None:
        try:
            async for unit in _units(self._requests, self._protocol.client_unit_length):
                await self._proxy.until_passable()
                if self._is_lost(unit):
                    self.cut()
                    return
                server.write(unit)
                await server.drain()
                self._hang_up_if_no_reply(server)
            await self._proxy.until_passable()
            server.write_eof()
        except ENDS:
            self.cut()

    def _is_lost(self, unit: bytes) -> bool:
        """Whether the unit is a request that must be lost; notes a request whose reply must be."""
        request = self._protocol.request_in(unit)
        trap = self._proxy.trap
        lost = trap.loses(request) if request is not None and trap is not None else None
        if trap is None or request is None or lost is None:
            return False
        if lost is Lost.REQUEST:
            trap.sprung.set()
            return True
        self._losing = trap, request
        return False

    def _hang_up_if_no_reply(self, server: asyncio.StreamWriter) -> None:
        # The server still reads everything that was sent; the client only sees a lost connection.
        if self._losing is not None and self._losing[1].is_reply is None:
            self._client.transport.abort()
            server.write_eof()
            self._losing[0].sprung.set()

    async def _forward_replies(self, replies: asyncio.StreamReader) -> None:
        async for unit in _units(replies, self._protocol.server_unit_length):
            await self._proxy.until_passable()
            await self._proxy.until_audible()
            if self._losing is not None and isinstance(self._losing[0], Delay):
                await self._losing[0].until_released()
                self._losing = None
            if self._losing is None:
                self._client.write(unit)
                await self._client.drain()
                continue
            trap, request = self._losing
            if request.is_reply is not None and request.is_reply(unit):
                trap.sprung.set()
                return
        await self._proxy.until_passable()


async def _units(
    reader: asyncio.StreamReader, length_of: Callable[[bytearray], int]
) -> AsyncIterator[bytes]:
    buffer = bytearray()
    while data := await reader.read(READ_BYTES):
        buffer += data
        while buffer and (length := length_of(buffer)) <= len(buffer):
            yield bytes(buffer[:length])
            del buffer[:length]


@asynccontextmanager
async def proxied(url: str, protocol: Callable[[], WireProtocol]) -> AsyncIterator[Proxy]:
    """A proxy for the server at this URL; closed at the end."""
    proxy = Proxy(url, protocol)
    await proxy.accept()
    try:
        yield proxy
    finally:
        await proxy.close()
