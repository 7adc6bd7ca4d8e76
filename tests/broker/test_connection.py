"""Connections to a peer that is no broker, or that closes the connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiormq.connection import FrameReceiver

from worker.broker.connection import BrokerUnavailable, channel_on, connect


@asynccontextmanager
async def hanging_up_after(answer: bytes) -> AsyncIterator[str]:
    """A peer that sends this answer and closes the connection."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        yield f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize("answer", [b"", b"\x01", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_connect_fails_if_the_peer_hangs_up(answer: bytes) -> None:
    async with hanging_up_after(answer) as url:
        for _ in range(20):
            with pytest.raises(BrokerUnavailable):
                await connect([url])


async def test_connect_fails_if_the_connection_ends_before_the_first_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The library raises this about once in a thousand cut connections: too rarely for a test.
    async def ended(_: FrameReceiver) -> None:
        raise StopAsyncIteration

    monkeypatch.setattr(FrameReceiver, "get_frame", ended)
    async with hanging_up_after(b"") as url:
        with pytest.raises(BrokerUnavailable, match="ended while it was opened"):
            await connect([url])


async def test_a_pending_call_fails_if_the_connection_ends_between_two_frames(
    monkeypatch: pytest.MonkeyPatch, amqp_url: str
) -> None:
    async def ended(_: FrameReceiver) -> None:
        raise StopAsyncIteration

    connection = await connect([amqp_url])
    # The frame that is already being read answers the opening of the channel; then the stream ends.
    monkeypatch.setattr(FrameReceiver, "get_frame", ended)
    with pytest.raises(BrokerUnavailable, match="has ended"):
        await channel_on(connection, publisher_confirms=True)
    await connection.close()
