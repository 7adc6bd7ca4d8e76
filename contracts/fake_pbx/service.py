"""The fake PBX at a broker: the only part of the contracts that speaks AMQP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
)
from aio_pika.connection import make_url
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, ChannelNotFoundEntity

from contracts.catalogue import (
    CATALOGUE,
    EVENT_EXCHANGE,
    PBX_EXCHANGE,
    RESULT_EXCHANGE,
    definition_of,
)
from contracts.envelope import CONTENT_TYPE
from contracts.fake_pbx.pbx import MESSAGES, FakePbx, Task, request_of
from contracts.messages import PbxResult
from contracts.reading import UnreadableError, read
from contracts.topology import QUORUM

__all__ = ["LISTENS", "NotPrepared", "Service"]

LISTENS: Final = "The fake PBX listens."

TIMEOUT_SECONDS: Final = 10
PAUSE_SECONDS: Final = 2
PREFETCH_MESSAGES: Final = 1000
"""High, because what is slow or held back must not keep the rest waiting."""
HELD_BACK_SECONDS: Final = 2
"""How long an answer is held back at most, when no other follows."""
OWN_QUEUE_EXPIRES_MILLISECONDS: Final = 600_000
"""Its own queue outlives a restart, and goes by itself ten minutes after the last use."""

LOST: Final = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)

_ACTIVATIONS: Final = (EVENT_EXCHANGE, "phone_number.status.pending")
_PBX_MESSAGES: Final = tuple(row for row in CATALOGUE if row.exchange == PBX_EXCHANGE)


class NotPrepared(Exception):
    """The broker lacks a queue or an exchange; the text says which."""


class _Lost(Exception):
    """The connection is of no more use; the text says why."""


class Service:
    """Listens until it is cancelled, through every loss of the connection."""

    def __init__(
        self, pbx: FakePbx, url: str, *, site_id: str | None, tell: Callable[[str], None]
    ) -> None:
        self._pbx = pbx
        self._url = url
        self._site_id = site_id
        self._tell = tell
        self._holding = False
        self._answered = asyncio.Event()

    async def run(self) -> None:
        """Serves for ever. Raises `NotPrepared`."""
        address = urlsplit(self._url)
        while True:
            try:
                await self._serve()
            except ChannelNotFoundEntity as error:
                raise NotPrepared(str(error)) from error
            except (_Lost, *LOST) as error:
                reason = str(error) or type(error).__name__
                self._tell(f"RabbitMQ at {address.hostname}:{address.port or 5672}: {reason}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _serve(self) -> None:
        inbox: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        async with _connected(self._url) as connection:
            lost = asyncio.Event()
            connection.close_callbacks.add(lambda *_: lost.set())
            channel = await connection.channel()
            publishing = await connection.channel(on_return_raises=True)
            results = await publishing.get_exchange(RESULT_EXCHANGE)
            await channel.set_qos(PREFETCH_MESSAGES)
            # A consumer whose queue is deleted is told nowhere else, and would wait for ever.
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda _: lost.set())
            for queue in await self._queues(channel):
                await queue.consume(inbox.put)
            self._tell(LISTENS)
            await self._work(inbox, results, lost)

    async def _queues(self, channel: AbstractChannel) -> list[AbstractQueue]:
        """The common queues, or those of one site; and one of its own for activations."""
        own = await channel.declare_queue(
            ".".join(filter(None, ("pbx.fake", self._site_id))),
            durable=True,
            arguments={**QUORUM, "x-expires": OWN_QUEUE_EXPIRES_MILLISECONDS},
        )
        await own.bind(*_ACTIVATIONS)
        if self._site_id is None:
            names = (row.queue for row in _PBX_MESSAGES if row.queue is not None)
            return [own, *[await channel.get_queue(name) for name in names]]
        for row in _PBX_MESSAGES:
            await own.bind(row.exchange, row.routing_key.format(site_id=self._site_id))
        return [own]

    async def _work(
        self,
        inbox: "asyncio.Queue[AbstractIncomingMessage]",
        results: AbstractExchange,
        lost: asyncio.Event,
    ) -> None:
        """Each delivery in a task of its own; the first that fails ends all of them."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_until(lost))
                while True:
                    group.create_task(self._handle(await inbox.get(), results))
        except ExceptionGroup as problems:
            # Not `except*`: what it raises comes out of Debian 12's Python 3.11.2 as a group.
            if problems.split((_Lost, *LOST))[1] is not None:
                raise
            raise _Lost(str(_first(problems)) or "it does not answer") from problems

    async def _handle(self, delivery: AbstractIncomingMessage, results: AbstractExchange) -> None:
        try:
            message = read(delivery.body, delivery.content_type, MESSAGES)
        except UnreadableError as error:
            self._tell(f"not read: {error}: {delivery.body!r}")
        else:
            request = request_of(message)
            if request is not None and self._pbx.serves(request):
                redelivered = bool(delivery.redelivered)
                await self._do(self._pbx.take(request, redelivered=redelivered), results)
        # After the result is confirmed, and not before: what is not acknowledged comes again.
        await delivery.ack()

    async def _do(self, task: Task, results: AbstractExchange) -> None:
        if task.reaction.delay_seconds:
            self._tell(f"{_in_words(task)}: takes {task.reaction.delay_seconds:g} s")
            await asyncio.sleep(task.reaction.delay_seconds)
        # Asked after the delay: what is newer may have come meanwhile.
        if self._pbx.is_late(task.request):
            self._tell(f"{_in_words(task)}: dropped, something newer was applied")
            return
        result = self._pbx.carry_out(task, datetime.now(UTC))
        if task.reaction.held_back:
            await self._hold_back(task)
        for _ in range(task.reaction.answers):
            await _publish(results, result)
        said = ", ".join(filter(None, (result.data.result, result.data.code)))
        times = {0: "not answered", 1: "answered", 2: "answered twice"}[task.reaction.answers]
        self._tell(f"{_in_words(task)}: {said} ({times})")
        if task.reaction.answers:
            self._answered.set()

    async def _hold_back(self, task: Task) -> None:
        # One at a time: the next answer goes first, even if it was to be held back as well.
        if self._holding:
            return
        self._holding = True
        self._tell(f"{_in_words(task)}: the answer is held back")
        try:
            self._answered.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._answered.wait(), HELD_BACK_SECONDS)
        finally:
            self._holding = False


async def _until(lost: asyncio.Event) -> None:
    await lost.wait()
    raise _Lost("a connection or a queue is gone")


async def _publish(results: AbstractExchange, result: PbxResult) -> None:
    message = aio_pika.Message(
        result.encode(),
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=result.id,
        type=result.type,
    )
    routing_key = definition_of(PbxResult).routing_key
    await results.publish(message, routing_key, mandatory=True, timeout=TIMEOUT_SECONDS)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AbstractConnection]:
    connection = aio_pika.Connection(make_url(url))
    try:
        await connection.connect(timeout=TIMEOUT_SECONDS)
        yield connection
    finally:
        # One that never opened counts as open, too.
        await connection.close()


def _in_words(task: Task) -> str:
    request = task.request
    return (
        f"{request.step} {request.phone_number} sequence {request.sequence}: {request.wish},"
        f" attempt {task.attempt}"
    )


def _first(problems: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first of them, out of groups within groups."""
    first = problems.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
