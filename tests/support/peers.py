"""Peers that are no server of ours, or behave as one in part."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

__all__ = ["hanging_up_after", "mute", "postgresql_with_tls", "tls_in_front_of"]

LOOPBACK = "127.0.0.1"
READ_BYTES = 1 << 16
SSL_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"
"""What a client of PostgreSQL sends before TLS."""


@asynccontextmanager
async def hanging_up_after(answer: bytes, *, host: str = LOOPBACK) -> AsyncIterator[str]:
    """A peer that sends this answer and closes the connection."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(hang_up, host, 0) as server:
        yield f"amqp://guest:guest@{host}:{server.sockets[0].getsockname()[1]}/"


@asynccontextmanager
async def mute(host: str, port: int, answer: bytes = b"") -> AsyncIterator[int]:
    """A peer that sends this answer, and then nothing; yields its port."""
    writers = []

    async def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(answer)

    async with await asyncio.start_server(keep, host, port) as server:
        yield server.sockets[0].getsockname()[1]
        for writer in writers:
            writer.close()


@asynccontextmanager
async def tls_in_front_of(url: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """Speaks TLS in front of a broker; yields its URL, with `amqps` and the host `localhost`."""
    parts = urlsplit(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            answers, requests = await asyncio.open_connection(parts.hostname, parts.port)
            await asyncio.gather(_forward(reader, requests), _forward(answers, writer))

    async with await asyncio.start_server(serve, LOOPBACK, 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        account, _, _ = parts.netloc.rpartition("@")
        yield parts._replace(scheme="amqps", netloc=f"{account}@localhost:{port}").geturl()


@asynccontextmanager
async def postgresql_with_tls(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A peer that agrees to TLS as PostgreSQL does, and says nothing more; yields its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(SSL_REQUEST))
        writer.write(b"S")
        with contextlib.suppress(OSError):
            await writer.start_tls(context)
        writer.close()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
