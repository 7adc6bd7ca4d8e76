"""Connections: to the addresses of a host, with heartbeats, and to a peer that hangs up."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiormq
import pytest
from aiormq.connection import FrameReceiver
from hypothesis import given
from hypothesis import strategies as st

from tests.support.peers import hanging_up_after, mute
from tests.support.quick import parametrize_quick
from tests.support.servers.running import broker_setting
from worker.broker.connecting.connection import BrokerUnavailable, channel_on, connect, library_url
from worker.local import PrivateServers
from worker.runtime.amqp_url import AmqpServer

MUTE = "127.0.0.2"
text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40
)


@asynccontextmanager
async def resolving_to(*hosts: str) -> AsyncIterator[None]:
    """Every name has these addresses."""
    loop = asyncio.get_running_loop()

    async def resolve(_: str, port: int, **__: object) -> list[tuple[object, ...]]:
        kinds = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kinds, (host, port)) for host in hosts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "getaddrinfo", resolve)
        yield


@asynccontextmanager
async def swallowing_packets(host: str, port: int) -> AsyncIterator[None]:
    """An address that answers no request for a connection: its queue of them is full."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind((host, port))
        listener.listen(0)
        for client in (first, second):
            client.settimeout(0)
            client.connect_ex((host, port))
        yield


async def test_connect_begins_with_the_node_that_answered_last(amqp_url: str) -> None:
    attempts = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        away = f"amqp://guest:guest@127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for _ in range(3):
            async with await connect([away, amqp_url]):
                pass

    assert attempts <= 1, "only until the other node has answered"


@pytest.mark.parametrize("answer", [b"", b"\x01"])
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


async def test_connect_takes_a_cancellation_by_the_library_for_a_lost_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def cancelled(_: FrameReceiver) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(FrameReceiver, "get_frame", cancelled)
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


async def test_connect_tries_the_next_address_if_one_swallows_packets(amqp_url: str) -> None:
    url = amqp_url.replace("127.0.0.1", "rabbit") + "?timeout=2"
    port = urlsplit(url).port or 0
    async with (
        swallowing_packets(MUTE, port),
        resolving_to(MUTE, "127.0.0.1"),
        await connect([url]) as connection,
    ):
        assert not connection.is_closed


async def test_connect_tries_the_next_address_if_one_accepts_and_says_nothing(
    amqp_url: str,
) -> None:
    url = amqp_url.replace("127.0.0.1", "rabbit") + "?timeout=2"
    async with (
        mute(MUTE, urlsplit(url).port or 0),
        resolving_to(MUTE, "127.0.0.1"),
        await connect([url]) as connection,
    ):
        assert not connection.is_closed


async def test_connect_fails_in_time_if_no_address_answers() -> None:
    async with mute(MUTE, 0) as port, resolving_to(MUTE, "127.0.0.3"):
        with pytest.raises(BrokerUnavailable, match=r"rabbit:[0-9]+: no answer in time"):
            await connect([f"amqp://rabbit:{port}/?timeout=1"])


@parametrize_quick(
    "of_server, parameters, seconds",
    [(60, "", "10"), (0, "?heartbeat=7", "7"), (60, "?heartbeat=7", "7"), (0, "", "10")],
    quick=1,
)
async def test_the_worker_s_heartbeat_is_negotiated_whatever_the_broker_suggests(
    amqp_url: str, servers: PrivateServers, parameters: str, seconds: str, of_server: int
) -> None:
    async with (
        broker_setting(servers, "heartbeat", of_server),
        await connect([amqp_url + parameters]),
    ):
        listed = await servers.rabbitmq.control("-q", "list_connections", "timeout", "vhost")

    assert f"{seconds}\t{urlsplit(amqp_url).path[1:]}" in listed.splitlines()


@given(text, text, text.filter(lambda name: "%2F" not in name and len(name.encode()) < 256))
async def test_the_library_reads_the_same_account_and_virtual_host(
    user: str, password: str, virtual_host: str
) -> None:
    url = library_url(AmqpServer("::1", 5673, user, password, virtual_host))
    connection = aiormq.Connection(url)

    assert (connection.url.user, connection.url.password) == (user, password)
    assert (connection.url.host, connection.url.port) == ("::1", 5673)
    assert connection.vhost == virtual_host
