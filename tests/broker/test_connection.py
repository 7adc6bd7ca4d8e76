"""Connecting to what is no broker, or not yet, or not any more."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiormq.connection import FrameReceiver

from worker.broker.connection import BrokerUnavailable, channel_on, connect


@asynccontextmanager
async def answering(words: bytes) -> AsyncIterator[str]:
    """A peer that says this to everybody, and hangs up."""

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        yield f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize("words", [b"", b"\x01", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_a_peer_that_hangs_up_is_no_broker_that_can_be_used_now(words: bytes) -> None:
    async with answering(words) as url:
        for _ in range(20):
            with pytest.raises(BrokerUnavailable):
                await connect([url])


async def test_a_peer_whose_end_arrives_before_we_listen_is_none_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Once in some thousand connections that are cut: too rare to wait for, and then the library
    # raises what no coroutine should.
    async def ended(_: FrameReceiver) -> None:
        raise StopAsyncIteration

    monkeypatch.setattr(FrameReceiver, "get_frame", ended)
    async with answering(b"") as url:
        with pytest.raises(BrokerUnavailable, match="in the middle of its opening"):
            await connect([url])


async def test_who_waits_when_a_connection_ends_between_two_frames_is_told_that_it_ended(
    monkeypatch: pytest.MonkeyPatch, amqp_url: str
) -> None:
    async def ended(_: FrameReceiver) -> None:
        raise StopAsyncIteration

    connection = await connect([amqp_url])
    # What is read already answers the first question, to open a channel; then comes the end.
    monkeypatch.setattr(FrameReceiver, "get_frame", ended)
    with pytest.raises(BrokerUnavailable, match="has ended"):
        await channel_on(connection, publisher_confirms=True)
    await connection.close()
