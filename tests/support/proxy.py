"""A bad network on loopback: it cuts, freezes, slows, and loses one request or its answer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from urllib.parse import urlsplit

from tests.support.wire import Conversation, Request

LOOPBACK = "127.0.0.1"
READ_BYTES = 1 << 16


class Lost(Enum):
    """What does not arrive, before the connection is gone."""

    REQUEST = "request"
    REPLY = "reply"


class Trap:
    """Waits for one request of a kind, on any connection, to lose it or its answer.

    Requests are counted as the protocol bounds them and not as the network cuts them: so the
    same story has the same numbers again, whatever is sent together.
    """

    def __init__(self, lost: Lost, nth: int = 1, *, of: str = "", about: bytes = b"") -> None:
        self._lost = lost
        self._nth = nth
        self._of = of
        self._about = about
        self.passed: list[str] = []
        """The words of all such requests so far."""
        self.sprung = asyncio.Event()
        """Whether it has happened."""

    def loses(self, request: Request) -> Lost | None:
        """Counts the request; what of it is to be lost."""
        if self._of not in request.words or self._about not in request.content:
            return None
        self.passed.append(request.words)
        return self._lost if len(self.passed) == self._nth else None


class Delay(Trap):
    """Keeps back the answer to one request of a kind: the server has done it, and is not heard."""

    def __init__(self, *, of: str, about: bytes = b"") -> None:
        super().__init__(Lost.REPLY, of=of, about=about)
        self.arrives = asyncio.Event()
        """To be set for the answer to arrive after all, and whatever comes behind it."""

    async def taken(self) -> None:
        """Returns when the answer may arrive."""
        self.sprung.set()
        await self.arrives.wait()


class Proxy:
    """Stands on a port of its own before a server; every connection goes through it."""

    def __init__(self, url: str, conversation: Callable[[], Conversation]) -> None:
        self._target = urlsplit(url)
        self._conversation = conversation
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._tunnels: dict[asyncio.Task[None], Tunnel] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._delay_seconds = 0.0
        self.trap: Trap | None = None
        """What waits for a request, if anything does."""
        self.accepted = 0
        """How many connections there have been."""
        self.kept_back = 0
        """How much waits for a thaw: at most one thing in each direction of a connection."""

    @property
    def url(self) -> str:
        """The server's URL, by way of this proxy."""
        account, _, _ = self._target.netloc.rpartition("@")
        return self._target._replace(netloc=f"{account}@{LOOPBACK}:{self._port}").geturl()

    async def accept(self) -> None:
        """Takes connections, on the same port as before."""
        self._listener = await asyncio.start_server(self._serve, LOOPBACK, self._port)
        self._port = self._listener.sockets[0].getsockname()[1]

    def refuse(self) -> None:
        """Takes no more connections; those that there are stay."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def cut(self) -> None:
        """Ends all connections at once."""
        for tunnel in self._tunnels.values():
            tunnel.cut()

    def freeze(self) -> None:
        """Nothing gets through, and nobody is told: connections stay, and new ones are mute."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Goes on with all that has been kept back."""
        self._flowing.set()

    def slow(self, delay_seconds: float) -> None:
        """Every message takes so long, in each direction."""
        self._delay_seconds = delay_seconds

    def set(self, trap: Trap) -> Trap:
        """The trap, which counts from now on; one that was there is gone."""
        self.trap = trap
        return trap

    async def close(self) -> None:
        """Ends all that it has begun."""
        self.refuse()
        self.thaw()
        self.cut()
        await asyncio.gather(*self._tunnels)

    async def let_pass(self) -> None:
        """Returns when the network lets the next message through."""
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        self.kept_back += 1
        try:
            await self._flowing.wait()
        finally:
            self.kept_back -= 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        tunnel = Tunnel(self, self._conversation(), reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._tunnels[task] = tunnel
        try:
            await tunnel.run(self._target.hostname or LOOPBACK, self._target.port or 0)
        finally:
            del self._tunnels[task]


class Tunnel:
    """One connection through the proxy."""

    def __init__(
        self,
        proxy: Proxy,
        conversation: Conversation,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._conversation = conversation
        self._client = writer
        self._asked = reader
        self._server: asyncio.StreamWriter | None = None
        self._losing: tuple[Trap, Request] | None = None

    def cut(self) -> None:
        """Ends the connection on both sides; what was on its way is gone."""
        self._client.transport.abort()
        if self._server is not None:
            self._server.transport.abort()

    async def run(self, host: str, port: int) -> None:
        """Carries what is said until one side ends the connection."""
        with contextlib.suppress(OSError):
            await self._proxy.let_pass()
            answered, self._server = await asyncio.open_connection(host, port)
            asking = asyncio.create_task(self._carry_requests(self._server))
            try:
                await self._carry_replies(answered)
            finally:
                asking.cancel()
                await asyncio.wait([asking])
        self.cut()

    async def _carry_requests(self, server: asyncio.StreamWriter) -> None:
        try:
            async for said in _things_said(self._asked, self._conversation.length_asked):
                await self._proxy.let_pass()
                if self._is_lost(said):
                    self.cut()
                    return
                server.write(said)
                await server.drain()
                self._hang_up_unanswered(server)
            await self._proxy.let_pass()
            server.write_eof()
        except OSError:
            self.cut()

    def _is_lost(self, said: bytes) -> bool:
        """Whether this request ends here; remembers one whose answer is to be lost."""
        request = self._conversation.request(said)
        trap = self._proxy.trap
        lost = trap.loses(request) if request is not None and trap is not None else None
        if trap is None or request is None or lost is None:
            return False
        if lost is Lost.REQUEST:
            trap.sprung.set()
            return True
        self._losing = trap, request
        return False

    def _hang_up_unanswered(self, server: asyncio.StreamWriter) -> None:
        # The server reads to the end what it was sent, while the client knows of nothing.
        if self._losing is not None and self._losing[1].is_answer is None:
            self._client.transport.abort()
            server.write_eof()
            self._losing[0].sprung.set()

    async def _carry_replies(self, answered: asyncio.StreamReader) -> None:
        async for said in _things_said(answered, self._conversation.length_answered):
            await self._proxy.let_pass()
            if self._losing is not None and isinstance(self._losing[0], Delay):
                await self._losing[0].taken()
                self._losing = None
            if self._losing is None:
                self._client.write(said)
                await self._client.drain()
                continue
            trap, request = self._losing
            if request.is_answer is not None and request.is_answer(said):
                trap.sprung.set()
                return
        await self._proxy.let_pass()


async def _things_said(
    reader: asyncio.StreamReader, length_of: Callable[[bytearray], int]
) -> AsyncIterator[bytes]:
    heard = bytearray()
    while data := await reader.read(READ_BYTES):
        heard += data
        while heard and (length := length_of(heard)) <= len(heard):
            yield bytes(heard[:length])
            del heard[:length]


@asynccontextmanager
async def proxied(url: str, conversation: Callable[[], Conversation]) -> AsyncIterator[Proxy]:
    """A proxy before the server at the URL."""
    proxy = Proxy(url, conversation)
    await proxy.accept()
    try:
        yield proxy
    finally:
        await proxy.close()
