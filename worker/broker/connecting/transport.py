"""Opens the TCP or TLS connection below AMQP, and keeps what the broker says while it opens."""

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, SupportsIndex

from aiormq import TransportFactory
from typing_extensions import override
from yarl import URL

__all__ = ["Address", "Transport"]

TLS_SHUTDOWN_SECONDS: Final = 2
"""How long a mute peer may delay the end of an encrypted connection; the default is 30."""
HEARD_MAXIMUM_BYTES: Final = 1 << 16


class Address(NamedTuple):
    """One of the addresses of a host name."""

    family: int
    host: str
    port: int


class Transport(TransportFactory):
    """Opens a TCP or TLS connection to one address, and keeps what the server says at first."""

    def __init__(self, address: Address, host: str, context: ssl.SSLContext | None) -> None:
        """`host` is the name that the server's certificate must have."""
        self._address = address
        self._tls: dict[str, Any] = {}
        if context is not None:
            self._tls.update(ssl=context, server_hostname=host)
            self._tls.update(ssl_shutdown_timeout=TLS_SHUTDOWN_SECONDS)
        self._reader: _ListeningReader | None = None

    @override
    async def create(
        self, url: URL, **kwargs: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        family, host, port = self._address
        loop = asyncio.get_running_loop()
        reader = self._reader = _ListeningReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.create_connection(
            lambda: protocol, host, port, family=family, **self._tls
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    def heard(self) -> bytes:
        """What the server has sent until `stop_listening`."""
        return bytes(self._reader.heard) if self._reader else b""

    def stop_listening(self) -> None:
        """Keeps nothing any more: the connection is open."""
        if self._reader:
            self._reader.stop_listening()


class _ListeningReader(asyncio.StreamReader):
    """Keeps a copy of the first bytes: the library does not pass on why a broker refuses."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self.heard = bytearray()
        self._room_bytes = HEARD_MAXIMUM_BYTES

    @override
    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        if self._room_bytes:
            self.heard = (self.heard + bytes(data))[: self._room_bytes]
        super().feed_data(data)

    def stop_listening(self) -> None:
        """Keeps nothing any more."""
        self._room_bytes = 0
        self.heard.clear()
